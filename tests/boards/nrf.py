"""An nRF52840-DK or a micro:bit v2 in labwired: `python nrf.py IMAGE BOARD`, with BOARD as labwired calls it.

Its UART is a TCP server on a free port of 127.0.0.1, which the first line on stdout names; it runs until it is ended.
The image is one for a Cortex-M3: of floating-point and DSP instructions labwired 0.25.0 does not know all (a comparison
with zero is one, SXTB16 another), so that it is another image than the one that is flashed. What else it does otherwise
than the chip is corrected here, and the version is pinned for that."""

import pathlib
import select
import socket
import sys
import tempfile

import labwired

UARTE_STARTRX = 0x40002000
# The core's counter of cycles and the register that enables it: no chip of labwired has them, and the first access is a
# fault. As memory they let the program run; the counter stands still.
COUNTER = """
  - name: "dwt"
    base: 0xE0001000
    size: "4KB"
  - name: "demcr"
    base: 0xE000EDF0
    size: "1KB"
"""
REGIONS = "memory_regions:\n"
# Emulated time until the board waits for its host, that of a byte that it receives, and of a look at what it sends.
START, BYTE, LOOK = "20ms", "20us", "1ms"
# How long a board that has answered waits for the host, in seconds of this computer, before it runs on.
IDLE = 0.05
END_OF_FRAME = 0


def with_counter(board, folder):
    """Writes the description of the board with the counter into `folder`; its path."""
    configs = pathlib.Path(labwired.__file__).parent / "configs"
    (folder / "peripherals").symlink_to(configs / "peripherals")
    system = (configs / "systems" / f"{board}.yaml").read_text()
    [chip] = [line.split('"')[1] for line in system.splitlines() if line.startswith("chip:")]
    text = (configs / "systems" / chip).read_text()
    if text.count(REGIONS) != 1:
        sys.exit(f"{chip}: expected one line `{REGIONS.strip()}`")
    for part, content in [("chips", text.replace(REGIONS, REGIONS + COUNTER)), ("systems", system)]:
        (folder / part).mkdir()
        name = pathlib.Path(chip).name if part == "chips" else f"{board}.yaml"
        (folder / part / name).write_text(content)
    return folder / "systems" / f"{board}.yaml"


def receive(sim, data):
    """Lets the board receive bytes. The UARTE hands a byte over when reception starts, not when the byte comes, so that
    reception is started once more behind each."""
    for byte in data:
        sim.send_bytes(bytes([byte]))
        sim.write_u32(UARTE_STARTRX, 1)
        sim.run_for(BYTE)


def serve(sim, host):
    """Runs the board until the host leaves."""
    has_answered = True
    while True:
        readable, _, _ = select.select([host], [], [], IDLE if has_answered else 0)
        if readable:
            data = host.recv(4096)
            if not data:
                return
            receive(sim, data)
            has_answered = False
        sim.run_for(LOOK)
        sent = sim.read_uart_bytes()
        if sent:
            host.sendall(sent)
            has_answered = sent[-1] == END_OF_FRAME


def main():
    image, board = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        system = with_counter(board, pathlib.Path(folder))
        with labwired.Sim(image, system=str(system)) as sim, socket.create_server(("127.0.0.1", 0)) as server:
            sim.run_for(START)
            print(f"port {server.getsockname()[1]}", flush=True)
            while True:
                host, _ = server.accept()
                host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with host:
                    serve(sim, host)


main()
