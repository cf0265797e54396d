import { readFileSync } from 'node:fs';
import { getStaticTOMLValue, parseTOML } from 'toml-eslint-parser';
import { expect, it } from 'vitest';
import {
  COMPATIBILITY_DATE,
  COMPATIBILITY_FLAGS,
  OBJECTS,
  workerdConfig,
} from '../../../../witness/serve/workerd-config.ts';

const OPTIONS = { address: '192.0.2.10:8787', objects: '/data/objects', tls: false, privateWebhooks: false };

it('runs the same Worker as wrangler.toml', () => {
  const settings = getStaticTOMLValue(
    parseTOML(readFileSync(new URL('../../../../wrangler.toml', import.meta.url), 'utf8')),
  );
  expect(settings).toMatchObject({
    compatibility_date: COMPATIBILITY_DATE,
    compatibility_flags: COMPATIBILITY_FLAGS,
    durable_objects: { bindings: OBJECTS.map(({ binding, className }) => ({ name: binding, class_name: className })) },
  });
});

it('keeps the objects where they have always been', () => {
  for (const className of ['ClusterWitness', 'ClusterDirectory']) {
    expect(workerdConfig(OPTIONS)).toContain(
      `(className = "${className}", uniqueKey = "tiebreak-${className}", enableSql = true)`,
    );
  }
});

it('lets webhooks out to the Internet alone, and never to the host itself or its link', () => {
  expect(workerdConfig(OPTIONS)).toContain('network = (allow = ["public"],');
  expect(workerdConfig({ ...OPTIONS, privateWebhooks: true })).toContain(
    'network = (allow = ["public", "private"], deny = ["local", "169.254.0.0/16", "fe80::/10"],',
  );
});

it('holds no secret, and no file name can end a string in it', () => {
  expect(workerdConfig(OPTIONS)).toContain('fromEnvironment = "TIEBREAK_ADMIN_TOKEN"');
  expect(workerdConfig({ ...OPTIONS, objects: '/a"b\\c' })).toContain('path = "/a\\"b\\\\c"');
});
