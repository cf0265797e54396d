import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, release } from 'node:os';
import { gunzipSync } from 'node:zlib';
import { agentVersion } from '../../agent/version.ts';
import { CHILD_ENVIRONMENT, run } from './process.ts';

/** On what the figures beside it were measured, in a line for people. */
export async function machineFacts(): Promise<string> {
  return [
    `Linux ${release().split('-')[0]}`,
    `HZ ${ticksPerSecond() ?? 'unknown'}`,
    `${availableParallelism()} cores (${processorModel()})`,
    `Node.js ${process.versions.node}`,
    (await run('nft', ['--version'])).trim().split(' (')[0],
    keepalivedVersion(),
    `tiebreak ${agentVersion()}`,
  ].join(', ');
}

export function processorModel(): string {
  return cpus()[0]?.model.trim() ?? 'unknown';
}

/** It says its version on stderr. */
function keepalivedVersion(): string {
  const { stderr } = spawnSync('keepalived', ['--version'], { encoding: 'utf8', env: CHILD_ENVIRONMENT });
  return `keepalived ${/v(\d[\d.]*)/.exec(stderr)?.[1] ?? 'of unknown version'}`;
}

/** The kernel says it only in its build configuration, where it shows that at all. */
function ticksPerSecond(): string | undefined {
  const packed = '/proc/config.gz';
  const plain = `/boot/config-${release()}`;
  const configuration = existsSync(packed)
    ? gunzipSync(readFileSync(packed)).toString()
    : existsSync(plain)
      ? readFileSync(plain, 'utf8')
      : '';
  return /^CONFIG_HZ=(\d+)$/m.exec(configuration)?.[1];
}
