"""One file for the inputs that several cases of a collection read.

`collect(folder)`, which the scripts that write a collection call last, moves equal `CASE/in.NAME.npy` to one file of
`inputs/`, named by its shape, and writes `inputs.toml`, which says the file of each case's inputs. `spread(folder)`
takes that back, for a script that writes some cases anew.
"""

import json
import shutil
import tomllib
from collections import defaultdict

import numpy as np


def spread(folder):
    """Give every case its own files again."""
    table = folder / "inputs.toml"
    if not table.exists():
        return
    for case, inputs in tomllib.loads(table.read_text()).items():
        for name, file in inputs.items():
            shutil.copy(folder / "inputs" / f"{file}.npy", folder / case / f"in.{name}.npy")
    shutil.rmtree(folder / "inputs")
    table.unlink()


def collect(folder):
    """Move inputs that are equal to the folder `inputs`."""
    shutil.rmtree(folder / "inputs", ignore_errors=True)
    (folder / "inputs").mkdir()
    equal, names, table = defaultdict(list), set(), defaultdict(dict)
    for path in sorted(folder.rglob("in.*.npy")):
        equal[path.read_bytes()].append(path)
    for paths in filter(lambda paths: len(paths) > 1, equal.values()):
        name = unused("x".join(map(str, np.load(paths[0]).shape)), names)
        names.add(name)
        for path in paths[1:]:
            path.unlink()
            table[str(path.parent.relative_to(folder))][input_of(path)] = name
        table[str(paths[0].parent.relative_to(folder))][input_of(paths[0])] = name
        paths[0].rename(folder / "inputs" / f"{name}.npy")
    (folder / "inputs.toml").write_text("".join(row(*entry) for entry in sorted(table.items())))


def unused(name, names):
    """The name, with a number where it is taken."""
    numbered = [name, *(f"{name}_{number}" for number in range(2, len(names) + 2))]
    return next(each for each in numbered if each not in names)


def input_of(path):
    return path.name.removeprefix("in.").removesuffix(".npy")


def row(case, inputs):
    """A line of the table: a case and its inputs."""
    files = ", ".join(f"{json.dumps(name)} = {json.dumps(file)}" for name, file in sorted(inputs.items()))
    return f"{json.dumps(case)} = {{ {files} }}\n"
