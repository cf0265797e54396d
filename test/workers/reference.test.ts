import { expect, it } from 'vitest';
import { OPERATIONS, SCHEMAS } from '../../witness/operations.ts';
import { PROBLEMS } from '../../witness/problem.ts';
import { call } from './cluster-fixture.ts';

async function page(): Promise<{ html: string; headers: Headers }> {
  const response = await call('/reference', null);
  expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  return { html: await response.text(), headers: response.headers };
}

it('tells people of every operation, message and problem', async () => {
  const { html } = await page();
  expect(html).toMatch(/^<!doctype html><html lang="en">/);
  for (const { method, path, summary } of OPERATIONS) {
    expect(html).toContain(`${method.toUpperCase()} ${path}`);
    expect(html).toContain(`<strong>${summary}.</strong>`);
  }
  expect(html).toContain('string, date-time or null');
  for (const name of Object.keys(SCHEMAS)) expect(html).toContain(`<section id="${name}">`);
  for (const code of Object.keys(PROBLEMS)) expect(html).toContain(`<tr id="problem-${code}">`);
});

it('has no link that leads nowhere', async () => {
  const { html } = await page();
  const ids = new Set(Array.from(html.matchAll(/ id="([^"]*)"/g), ([, id]) => id));
  const targets = Array.from(html.matchAll(/ href="([^"]*)"/g), ([, target]) => target ?? '');
  expect(targets.length).toBeGreaterThan(50);
  for (const target of targets) {
    if (target.startsWith('#')) expect(ids).toContain(target.slice(1));
    else expect((await call(target, null)).status).toBe(200);
  }
});

it('runs no script, and lets only its own style pass', async () => {
  const [first, second] = [await page(), await page()];
  const nonce = /<style nonce="([^"]+)">/.exec(first.html)?.[1] ?? '';
  const policy = first.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain(`style-src 'nonce-${nonce}'`);
  expect(first.html).not.toMatch(/<script|javascript:| on\w+=/i);
  expect(second.html).not.toContain(nonce);
});
