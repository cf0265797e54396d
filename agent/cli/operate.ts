import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { chooseTarget, type TargetOptions, withTarget } from './agent-target.ts';
import { askFor } from './ask-for.ts';
import { EXIT } from './exit-code.ts';
import { fail } from './fail.ts';
import { type ApiTarget, writeApi } from './local-api.ts';
import { readStatus } from './status.ts';

/** A handover takes milliseconds; the successor's heartbeat tells of it at once. */
const HANDOVER_PATIENCE_MS = 5_000;
const LOOK_AGAIN_MS = 20;

/** The commands that change what a running agent does. */
export function registerOperations(program: Command): void {
  withTarget(program.command('handover'))
    .description('hand a group over to another node; returns when that one owns it')
    .argument('<group>', 'owned by this node')
    .option('--to <node>', 'to whom; the fittest peer without it')
    .action(async (group: string, options: TargetOptions & { to?: string }) => {
      process.exitCode = await withAgent(options, (target) => handOver(target, group, options.to));
    });
  withTarget(program.command('maintenance'))
    .description('on: this node votes, owns nothing, and hands over what it owns; kept over restarts')
    .argument('<on|off>', 'whether', parseSwitch)
    .action(async (on: boolean, options: TargetOptions) => {
      process.exitCode = await withAgent(options, (target) => tell(target, '/v1/maintenance', { on }));
    });
  registerForced(program, 'takeover', {
    description: 'stand for a group although this node has promised its vote to another',
    warning: (group) =>
      `If another node still answers for the addresses of ${group}, there will be two owners. Go on only if you know that it does not (its power is off, say).`,
  });
  registerForced(program, 'join', {
    description: 'free this node from its planned departure',
    warning: (group) =>
      `This node has promised its vote for ${group} to the node that stayed. If that one still owns the group by this vote, there may be two owners. Go on only if it is gone for good.`,
  });
}

type Forced = { readonly description: string; readonly warning: (group: string) => string };

function registerForced(program: Command, name: 'takeover' | 'join', { description, warning }: Forced): void {
  withTarget(program.command(name))
    .description(`${description}; asks you to type the group's name`)
    .argument('<group>')
    .requiredOption('--force', 'the only way to do this')
    .option('--confirm <group>', "the group's name once more, for scripts")
    .action(async (group: string, options: TargetOptions & { confirm?: string }) => {
      process.exitCode = await withAgent(options, async (target) => {
        const confirm =
          options.confirm ?? (await askFor(`Type the group's name, ${group}, to go on: `, warning(group)));
        return tell(target, `/v1/groups/${encodeURIComponent(group)}/${name}`, { confirm });
      });
    });
}

async function withAgent(options: TargetOptions, act: (target: ApiTarget) => Promise<number>): Promise<number> {
  const target = chooseTarget(options);
  return target === undefined ? EXIT.usage : act(target);
}

async function tell(target: ApiTarget, path: string, body: unknown): Promise<number> {
  const answer = await writeApi(target, path, body);
  if (!answer.ok) return fail(answer.error);
  process.stdout.write(`${answer.text}\n`);
  return EXIT.good;
}

async function handOver(target: ApiTarget, group: string, to: string | undefined): Promise<number> {
  const path = `/v1/groups/${encodeURIComponent(group)}/handover`;
  const answer = await writeApi(target, path, to === undefined ? {} : { to });
  if (!answer.ok) return fail(answer.error);
  const deadlineMs = performance.now() + HANDOVER_PATIENCE_MS;
  while (performance.now() < deadlineMs) {
    const read = await readStatus(target);
    if (!read.ok) return fail(read.error);
    const { node, groups } = read.status;
    const owner = groups.find(({ name }) => name === group)?.owner ?? null;
    if (owner !== null && owner !== node) {
      process.stdout.write(`${group}: ${owner} owns it now\n`);
      return EXIT.good;
    }
    await sleep(LOOK_AGAIN_MS);
  }
  return fail(`${answer.text}, but nobody else has owned it within 5 s; see 'tiebreak status' on both nodes`);
}

function parseSwitch(text: string): boolean {
  if (text === 'on') return true;
  if (text === 'off') return false;
  throw new InvalidArgumentError('it is on or off.');
}
