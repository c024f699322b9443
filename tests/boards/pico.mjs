// A Raspberry Pi Pico in rp2040js: `node pico.mjs IMAGE BOOTROM [SCENARIO]`.
//
// Its UART0 is a TCP server on a free port of 127.0.0.1, which the first line on stdout names. SCENARIO is a file of
// JSON; without it the board has no sensor and runs until it is ended:
//
//   codes    file of the sensor's codes: little-endian, 16 bits, three of a row
//   seconds  emulated time after which the emulator ends
//   faults   [{ "kind": "silent" | "stuck" | "odd" | "identity", "from": s, "to": s, "code": n }]
//   cuts     [{ "from": s, "to": s }]: what the board sends then is lost
//   hangs    time in seconds when the program in thread mode hangs, asleep, while interrupts go on
//   record   file for lines of JSON: readings with the row and the time, resets, and the end
//
// Time is that of the emulated clock: where the core sleeps it goes to the next event at once.

import { readFileSync, appendFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { ConsoleLogger, LogLevel, RP2040 } from 'rp2040js';
import { correct } from './corrections.mjs';
import { Lis3dh } from './lis3dh.mjs';

const FLASH = 0x10000000;
const CYCLE_NS = 8; // 125 MHz
const BYTE_NS = 86_806; // ten bits at 115,200 baud
const CHUNK = 200_000; // instructions between two looks at the host
const LOADED = 1; // PT_LOAD
// Sleep until an event, and branch to that instruction.
const [WFE, BACK] = [0xbf20, 0xe7fd];

// The segments of an ELF file that are to be loaded: address and bytes.
function segments(file) {
  const elf = readFileSync(file);
  const [start, size, count] = [elf.readUInt32LE(28), elf.readUInt16LE(42), elf.readUInt16LE(44)];
  return Array.from({ length: count }, (_, index) => start + index * size)
    .filter((at) => elf.readUInt32LE(at) === LOADED)
    .map((at) => {
      const [offset, , address, length] = [4, 8, 12, 16].map((field) => elf.readUInt32LE(at + field));
      return { address, bytes: elf.subarray(offset, offset + length) };
    })
    .filter(({ address, bytes }) => address >= FLASH && bytes.length > 0);
}

class Pico {
  constructor(image, bootrom, scenario) {
    this.scenario = scenario;
    this.image = segments(image);
    const rom = readFileSync(bootrom);
    this.bootrom = new Uint32Array(rom.buffer, rom.byteOffset, rom.length / 4);
    this.received = [];
    this.out = [];
    this.resets = 0;
    this.sleptNs = 0;
    this.beforeNs = 0; // of the starts before the last one
    if (scenario.codes) this.sensor = this.makeSensor();
    if (scenario.record) writeFileSync(scenario.record, '');
    this.boot();
  }

  // Seconds since the first start.
  now() {
    return (this.beforeNs + this.mcu.clock.nanos) / 1e9;
  }

  // The sensor of the scenario, not connected.
  makeSensor() {
    const { codes: file, faults = [] } = this.scenario;
    const bytes = readFileSync(file);
    const codes = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    return new Lis3dh({ codes, faults, now: () => this.now(), note: (reading) => this.note(reading) });
  }

  // Appends a line to the record.
  note(entry) {
    if (this.scenario.record) appendFileSync(this.scenario.record, JSON.stringify(entry) + '\n');
  }

  // A chip as after power came: loads ROM and flash and starts at the second boot stage; the ROM's own start is skipped.
  // Loading the ROM resets the chip and erases its flash, so that it comes first.
  boot() {
    this.mcu = new RP2040();
    this.mcu.logger = new ConsoleLogger(LogLevel.Error, true);
    correct(this.mcu);
    this.mcu.uart[0].onByte = (byte) => this.send(byte);
    this.feeder = this.mcu.clock.createAlarm(() => this.feed());
    this.watchdog = this.mcu.peripherals[0x40058];
    this.watchdog.onWatchdogTrigger = () => {
      this.mustReset = true;
      // At zero its alarm is due again at once, for ever.
      this.watchdog.timer.enable = false;
    };
    if (this.sensor) {
      this.sensor.connectTo(this.mcu, this.mcu.i2c[0]);
      // Both lines are pulled up.
      [4, 5].forEach((pin) => this.mcu.gpio[pin].setInputValue(true));
    }
    this.mcu.loadBootrom(this.bootrom);
    this.image.forEach(({ address, bytes }) => this.mcu.flash.set(bytes, address - FLASH));
    this.mcu.core.PC = FLASH;
  }

  // A reset by the watchdog: all but its reason is as after power came, and the clock begins anew.
  reset() {
    this.mustReset = false;
    this.resets += 1;
    this.note({ reset: this.resets, at_s: this.now() });
    const { reason } = this.watchdog;
    this.beforeNs += this.mcu.clock.nanos;
    this.boot();
    this.watchdog.reason = reason;
  }

  // Whether a list of times holds this moment.
  isIn(times = []) {
    const now = this.now();
    return times.some(({ from, to }) => from <= now && now < to);
  }

  // Takes a byte of the board.
  send(byte) {
    if (!this.isIn(this.scenario.cuts)) this.out.push(byte);
  }

  // Takes bytes of the host, which reach the board one by one.
  receive(bytes) {
    this.received.push(...bytes);
    if (!this.feeder.scheduled) this.feeder.schedule(BYTE_NS);
  }

  feed() {
    this.feeder.scheduled = false;
    if (this.received.length === 0) return;
    this.mcu.uart[0].feedByte(this.received.shift());
    if (this.received.length > 0) this.feeder.schedule(BYTE_NS);
  }

  // Runs some instructions; true once the scenario's time is over.
  run() {
    if (this.mustReset) this.reset();
    const { core, clock } = this.mcu;
    const end = (this.scenario.seconds ?? Infinity) * 1e9 - this.beforeNs;
    for (let left = CHUNK; left > 0 && clock.nanos < end && !this.mustReset; left -= 1) {
      if (!core.waiting) {
        clock.tick(core.executeInstruction() * CYCLE_NS);
      } else if (clock.nextAlarm) {
        if (this.scenario.hangs <= this.now()) this.hang();
        const ns = clock.nanosToNextAlarm;
        this.sleptNs += ns;
        clock.tick(ns);
      } else {
        break; // asleep until the host sends
      }
    }
    return clock.nanos >= end;
  }

  // Overwrites the instructions that thread mode executes after its sleep, once; a reset loads the image again. What it
  // executes while it works may be executed by interrupts too.
  hang() {
    const { core, flashView } = this.mcu;
    if (core.IPSR !== 0) return;
    [WFE, BACK].forEach((code, index) => flashView.setUint16(core.PC - FLASH + 2 * index, code, true));
    delete this.scenario.hangs;
  }

  // What the scenario's time was spent with.
  ended() {
    this.note({ end_us: this.now() * 1e6, slept_us: this.sleptNs / 1000, resets: this.resets });
  }
}

const [image, bootrom, file] = process.argv.slice(2);
const pico = new Pico(image, bootrom, file ? JSON.parse(readFileSync(file, 'utf8')) : {});
let host;

const server = createServer((socket) => {
  host?.destroy();
  host = socket;
  socket.setNoDelay(true);
  socket.on('data', (bytes) => pico.receive(bytes));
  socket.on('error', () => {});
  socket.on('close', () => {
    if (host === socket) host = undefined;
  });
});

function turn() {
  // A board with an end waits for its host at the start, so that nothing that it tells is lost.
  const mayRun = host || pico.now() > 0 || !pico.scenario.seconds;
  const isOver = mayRun && pico.run();
  if (pico.out.length > 0) {
    host?.write(Uint8Array.from(pico.out));
    pico.out = [];
  }
  if (!isOver) {
    setTimeout(turn, mayRun && !pico.mcu.core.waiting ? 0 : 1);
    return;
  }
  pico.ended();
  host?.end();
  server.close();
}

server.listen(0, '127.0.0.1', () => {
  console.log(`port ${server.address().port}`);
  turn();
});
