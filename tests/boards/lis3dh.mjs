// A LIS3DH on an I2C bus, after its data sheet (DocID17530): registers with automatic increment, and for each reading
// of the six bytes of acceleration the next row of a recording. Faults are made at given times.

const WHO_AM_I = 0x0f;
const CTRL_REG1 = 0x20;
const STATUS = 0x27;
const OUT_X_L = 0x28;
const OUT_Z_H = 0x2d;
const INCREMENT = 0x80;
// Nine bits at 400 kHz, in nanoseconds.
const BYTE_NS = 22_500;
const READ = 1;

export class Lis3dh {
  // `codes` are left-aligned values of 16 bits, three of a row; each fault has `kind`, `from` and `to` in seconds of
  // `now()`. `note` is called for each reading that begins.
  constructor({ codes, faults, address = 0x18, now, note }) {
    Object.assign(this, { codes, faults, address, now, note });
    this.registers = new Uint8Array(128);
    this.registers[WHO_AM_I] = 0x33;
    this.registers[CTRL_REG1] = 0x07;
    this.row = 0;
    this.pointer = 0;
    this.isPointed = false;
  }

  // Connects it to a controller.
  connectTo(mcu, i2c) {
    Object.assign(this, { mcu, i2c });
    i2c.onStart = () => this.after(() => i2c.completeStart());
    i2c.onConnect = (address, mode) => this.connect(address, mode);
    i2c.onWriteByte = (byte) => this.write(byte);
    i2c.onReadByte = () => this.read();
    i2c.onStop = () => this.after(() => i2c.completeStop());
  }

  // The fault of this moment, if there is one.
  fault() {
    const now = this.now();
    return this.faults.find(({ from, to }) => from <= now && now < to);
  }

  // Goes on after the time of a byte, unless the bus hangs, or the controller was reset meanwhile.
  after(next) {
    if (this.fault()?.kind === 'stuck') return;
    const epoch = this.i2c.epoch;
    const alarm = this.mcu.clock.createAlarm(() => {
      if (this.i2c.epoch === epoch) next();
    });
    alarm.schedule(BYTE_NS);
  }

  connect(address, mode) {
    const answers = address === this.address && this.fault()?.kind !== 'silent';
    this.isPointed = mode === READ;
    this.after(() => this.i2c.completeConnect(answers));
  }

  // The first byte is the number of a register, those behind it are for the registers from there on.
  write(byte) {
    if (!this.isPointed) {
      this.isPointed = true;
      this.pointer = byte;
    } else {
      this.registers[this.pointer & 0x7f] = byte;
      this.advance();
    }
    this.after(() => this.i2c.completeWrite(true));
  }

  read() {
    const register = this.pointer & 0x7f;
    if (register === OUT_X_L) this.latch();
    const byte = register === STATUS ? 0x0f : this.registers[register];
    const isOther = register === WHO_AM_I && this.fault()?.kind === 'identity';
    this.advance();
    this.after(() => this.i2c.completeRead(isOther ? 0x44 : byte));
  }

  advance() {
    if (this.pointer & INCREMENT) this.pointer = INCREMENT | ((this.pointer + 1) & 0x7f);
  }

  // The next row becomes the one that is read; the last is followed by the first. While the sensor gives odd codes
  // the recording goes on all the same.
  latch() {
    const fault = this.fault();
    const rows = this.codes.length / 3;
    const start = 3 * (this.row % rows);
    const is_odd = fault?.kind === 'odd';
    const values = is_odd ? [fault.code, fault.code, fault.code] : this.codes.subarray(start, start + 3);
    values.forEach((value, axis) => {
      this.registers[OUT_X_L + 2 * axis] = value & 0xff;
      this.registers[OUT_X_L + 2 * axis + 1] = (value >> 8) & 0xff;
    });
    this.note({ row: this.row, t_us: this.mcu.clock.nanos / 1000, is_odd });
    this.row += 1;
  }
}
