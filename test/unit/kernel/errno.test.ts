import { describe, expect, it } from 'vitest';
import { boottimeUs, kernelTickUs } from '../../../agent/kernel/clock.ts';
import { systemError } from '../../../agent/kernel/errno.ts';
import { close, interfaceIndex, recv, socket } from '../../../agent/kernel/libc.ts';
import { AF_INET, MSG_DONTWAIT, SOCK_DGRAM } from '../../../agent/kernel/sockaddr.ts';

describe('a failed system call', () => {
  it('is a value that names the errno, the call and what it was about', () => {
    expect(interfaceIndex('no-such-one')).toEqual({
      ok: false,
      errno: 19,
      code: 'ENODEV',
      call: 'if_nametoindex',
      text: 'if_nametoindex (interface no-such-one): no such interface [ENODEV]',
    });
  });

  it('reads the errno of that very call, not of an earlier one', () => {
    interfaceIndex('no-such-one');
    const opened = socket(AF_INET, SOCK_DGRAM, 0);
    if (!opened.ok) throw new Error(opened.text);
    expect(recv(opened.value, new Uint8Array(8), MSG_DONTWAIT)).toMatchObject({ ok: false, code: 'EAGAIN' });
    expect(close(opened.value)).toEqual({ ok: true, value: undefined });
    expect(close(opened.value)).toMatchObject({ ok: false, code: 'EBADF' });
  });

  it('says what to do when a privilege is missing', () => {
    expect(systemError('socket', 1).text).toMatch(/CAP_NET_RAW and CAP_NET_ADMIN.*root/);
  });

  it('keeps the number of an errno that nobody knows', () => {
    expect(systemError('socket', 4095)).toMatchObject({ code: 'E4095', errno: 4095 });
  });
});

describe('the clock', () => {
  it('counts microseconds as they pass', async () => {
    const before = boottimeUs();
    const started = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const passedUs = boottimeUs() - before;
    const otherUs = (performance.now() - started) * 1000;
    expect(Math.abs(passedUs - otherUs)).toBeLessThan(5000);
  });

  it('never goes back', () => {
    let last = boottimeUs();
    for (let reading = 0; reading < 10_000; reading += 1) {
      const now = boottimeUs();
      expect(now).toBeGreaterThanOrEqual(last);
      last = now;
    }
  });

  it('a kernel tick is 1 to 10 ms (HZ 1000 to 100)', () => {
    expect(kernelTickUs()).toBeGreaterThanOrEqual(999);
    expect(kernelTickUs()).toBeLessThanOrEqual(10_000);
  });
});
