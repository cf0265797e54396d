import { Writable } from 'node:stream';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { loggerOptions } from '../../../agent/log/logger.ts';

function logged(write: (log: pino.Logger) => void): string {
  let text = '';
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      text += String(chunk);
      done();
    },
  });
  write(pino(loggerOptions('info'), stream));
  return text;
}

it.each([
  [{ token: 'hush' }],
  [{ witness: { token: 'hush' } }],
  [{ config: { witness: { secret: 'hush' } } }],
  [{ secrets: { apiToken: 'hush' } }],
  [{ group: { key: 'hush' } }],
  [{ headers: { authorization: 'hush' } }],
])('a secret never reaches the log: %j', (fields) => {
  const text = logged((log) => log.info(fields, 'started'));
  expect(text).toContain('started');
  expect(text).not.toContain('hush');
});

it('a line of the log tells its time as people write it', () => {
  expect(JSON.parse(logged((log) => log.info('started')))).toMatchObject({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    msg: 'started',
  });
});
