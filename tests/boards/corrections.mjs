// What rp2040js 1.4.1 does otherwise than the chip, each found as a hang of an image that embassy-rp made. They reach
// into members that are private: the version is pinned for that.

const RESET_I2C0 = 1 << 3;
const UARTDMACR = 0x48;
const IC_INTR_MASK = 0x30;
const UARTDR = 0;
const UARTTXINTR = 1 << 5;

// Corrects the emulator; to be called once.
export function correct(mcu) {
  mcu.uart.forEach((uart) => correctUart(mcu, uart));
  mcu.i2c.forEach(correctI2c);
  correctResets(mcu);
}

// Acknowledging the interrupt of transmission raises it again at once, which the chip does only when a byte leaves the
// last place of its queue. And the register that lets DMA receive reads as ones: embassy's handler then leaves the
// bytes to DMA.
function correctUart(mcu, uart) {
  const read = uart.readUint32.bind(uart);
  const write = uart.writeUint32.bind(uart);
  uart.checkInterrupts = () =>
    mcu.setInterrupt(uart.irq, !!(uart.interruptStatus & uart.interruptMask));
  uart.readUint32 = (at) => (at === UARTDMACR ? 0 : read(at));
  uart.writeUint32 = (at, value) => {
    if (at === UARTDMACR) return;
    write(at, value);
    if (at === UARTDR) {
      uart.interruptStatus |= UARTTXINTR;
      uart.checkInterrupts();
    }
  };
}

// The mask of I2C's interrupts cannot be written, so that none is ever raised.
function correctI2c(i2c) {
  const write = i2c.writeUint32.bind(i2c);
  i2c.writeUint32 = (at, value) => {
    if (at !== IC_INTR_MASK) return write(at, value);
    i2c.intEnable = value & 0x1fff;
    i2c.checkInterrupts();
  };
}

// The reset controller resets nothing. The sensor image resets I2C0 before each transfer, since one that was given up
// half way leaves the controller in any state.
function correctResets(mcu) {
  const resets = mcu.peripherals[0x4000c];
  const write = resets.writeUint32.bind(resets);
  resets.writeUint32 = (at, value) => {
    write(at, value);
    if (at === 0 && value & RESET_I2C0) resetI2c(mcu.i2c[0]);
  };
}

// The state of a controller after a reset.
function resetI2c(i2c) {
  i2c.epoch = (i2c.epoch ?? 0) + 1;
  Object.assign(i2c, { state: 0, busy: false, stop: false, pendingRestart: false, firstByte: false });
  Object.assign(i2c, { enable: 0, abortSource: 0, intRaw: 0, intEnable: 0 });
  i2c.rxFIFO.reset();
  i2c.txFIFO.reset();
  i2c.checkInterrupts();
}
