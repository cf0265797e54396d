import type { ProbedCheckConfig } from '../../../agent/config/index.ts';

const BASE = { name: 'service', rise: 1, fall: 1, weight: 0, intervalMs: 100, timeoutMs: 2_000 };

export function commandCheck(script: string, changes: { timeoutMs?: number; intervalMs?: number } = {}) {
  return { ...BASE, ...changes, kind: 'command', program: '/bin/sh', arguments: ['-c', script] } as const;
}

export function httpCheck(url: string, timeoutMs = 2_000): Extract<ProbedCheckConfig, { kind: 'http' }> {
  return { ...BASE, timeoutMs, kind: 'http', url };
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
