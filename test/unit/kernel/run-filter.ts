/** What the kernel does with a classic BPF program, as far as these programs need it. 0: the frame is dropped. */
export function runFilter(program: Uint8Array, frame: Uint8Array): number {
  const code = new DataView(program.buffer);
  const data = new DataView(frame.buffer, frame.byteOffset, frame.length);
  let accumulator = 0;
  let kept = 0;
  for (let at = 0; at < program.length / 8; at += 1) {
    const operand = code.getUint32(8 * at + 4, true);
    const operation = code.getUint16(8 * at, true);
    if (operation === 0x06) return operand;
    if (operation === 0x15 || operation === 0x1d || operation === 0x35) {
      const met = operation === 0x35 ? accumulator >= operand : accumulator === (operation === 0x15 ? operand : kept);
      at += code.getUint8(8 * at + (met ? 2 : 3));
      continue;
    }
    if (operation === 0x07) {
      kept = accumulator;
      continue;
    }
    if (operation === 0x80) {
      accumulator = frame.length;
      continue;
    }
    if (operation === 0x1c) {
      accumulator = (accumulator - kept) >>> 0;
      continue;
    }
    if (operation === 0xb1 || operation === 0x50) {
      const from = operand + (operation === 0x50 ? kept : 0);
      if (from >= frame.length) return 0;
      if (operation === 0x50) accumulator = data.getUint8(from);
      else kept = 4 * (data.getUint8(from) & 0x0f);
      continue;
    }
    const size = { 32: 4, 40: 2, 48: 1 }[operation];
    if (size === undefined) throw new Error(`the kernel knows no operation ${operation} here`);
    if (operand + size > frame.length) return 0;
    if (size === 4) accumulator = data.getUint32(operand);
    else accumulator = size === 2 ? data.getUint16(operand) : data.getUint8(operand);
  }
  throw new Error('the program ran past its end');
}
