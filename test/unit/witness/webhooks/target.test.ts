import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { targetRefusal } from '../../../../witness/webhooks/target.ts';

const LOCAL = [
  // the host itself, in every way to write it
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '0.0.0.0',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  'localhost',
  'LOCALHOST.',
  'a.localhost',
  // link-local: among them the metadata services of clouds
  '169.254.169.254',
  '[fe80::1]',
  '[::ffff:169.254.169.254]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b::a9fe:a9fe]',
  '[2002:7f00:1::]',
  // nobody's single host
  '224.0.0.18',
  '255.255.255.255',
  '[ff02::1]',
];
const PRIVATE = [
  '10.0.0.1',
  '172.16.3.4',
  '192.168.1.5',
  '[fd00::5]',
  'monitor',
  'monitor.local',
  'db.internal',
  'nas.home.arpa',
];
const PUBLIC = ['hooks.example.com', 'hooks.example.com.', '93.184.215.14', '[2606:2800:21f:cb07:6820:80da:af6b:8b2c]'];

describe('a webhook on the Internet', () => {
  it.each([...LOCAL, ...PRIVATE])('may not lead to %s', (host) => {
    expect(targetRefusal(`https://${host}/hook`, false)).toBe('not_public');
  });

  it.each(PUBLIC)('may lead to %s, on any port', (host) => {
    expect(targetRefusal(`https://${host}/hook`, false)).toBeNull();
    expect(targetRefusal(`https://${host}:8443/hook?key=1`, false)).toBeNull();
  });

  it.each([
    ['http://hooks.example.com/', 'not_https'],
    ['ftp://hooks.example.com/', 'not_https'],
    ['javascript:alert(1)', 'not_https'],
    ['https://user@hooks.example.com/', 'has_credentials'],
    ['https://', 'no_url'],
    ['', 'no_url'],
    ['//hooks.example.com', 'no_url'],
  ])('is not %s', (url, refusal) => {
    expect(targetRefusal(url, false)).toBe(refusal);
  });

  it('leads to no private or local IPv4 address, whatever the notation', () => {
    const octets = fc.tuple(
      fc.constantFrom(0, 10, 127, 169, 172, 192, 224, 240),
      fc.nat(255),
      fc.nat(255),
      fc.nat(255),
    );
    fc.assert(
      fc.property(octets, ([first, second, third, fourth]) => {
        const dotted = `${first}.${second}.${third}.${fourth}`;
        const number = String(((first * 256 + second) * 256 + third) * 256 + fourth);
        const hex = `0x${Number(number).toString(16)}`;
        const mapped = `[::ffff:${dotted}]`;
        const refusal = targetRefusal(`https://${dotted}/`, false);
        expect(targetRefusal(`https://${number}/`, false)).toBe(refusal);
        expect(targetRefusal(`https://${hex}/`, false)).toBe(refusal);
        expect(targetRefusal(`https://${mapped}/`, false)).toBe(refusal);
        if ([0, 10, 127, 224, 240].includes(first)) expect(refusal).toBe('not_public');
      }),
    );
  });
});

describe('a webhook of a witness that may reach its own network', () => {
  it.each(LOCAL)('may not lead to %s', (host) => {
    expect(targetRefusal(`http://${host}/hook`, true)).toBe('not_public');
  });

  it.each([...PRIVATE, ...PUBLIC])('may lead to %s, by plain HTTP too', (host) => {
    expect(targetRefusal(`http://${host}/hook`, true)).toBeNull();
    expect(targetRefusal(`https://${host}/hook`, true)).toBeNull();
  });
});
