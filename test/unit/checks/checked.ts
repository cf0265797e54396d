import type { ProbedCheckConfig } from '../../../agent/config/index.ts';

const BASE = { name: 'service', rise: 1, fall: 1, weight: 0, intervalMs: 100, timeoutMs: 2_000, reverse: false };

export function commandCheck(script: string, changes: { timeoutMs?: number; intervalMs?: number } = {}) {
  return { ...BASE, ...changes, kind: 'command', program: '/bin/sh', arguments: ['-c', script], user: null } as const;
}

type HttpCheck = Extract<ProbedCheckConfig, { kind: 'http' }>;

export function httpCheck(url: string, changes: Partial<HttpCheck> = {}): HttpCheck {
  const expected = { status: null, body: null, serverName: null, insecure: false };
  return { ...BASE, ...expected, kind: 'http', url, ...changes };
}

export function tcpCheck(host: string, port: number): Extract<ProbedCheckConfig, { kind: 'tcp' }> {
  return { ...BASE, kind: 'tcp', host, port };
}

export function fileCheck(path: string): Extract<ProbedCheckConfig, { kind: 'file' }> {
  return { ...BASE, kind: 'file', path };
}

export function processCheck(name: string, changes: { quorum?: number; intervalMs?: number } = {}) {
  const { timeoutMs: _, ...base } = BASE;
  return { ...base, quorum: 1, ...changes, kind: 'process', process: name } as const;
}
