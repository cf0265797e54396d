import type { Config } from '../config/index.ts';
import { type PacketProgram, packetPrograms } from '../kernel/index.ts';
import { valueOrThrow } from './examination.ts';
import { type Finding, ok, warning } from './finding.ts';
import { type HostInterface, routerInterfaces } from './host.ts';

export function readPacketPrograms(): readonly PacketProgram[] {
  return valueOrThrow(packetPrograms());
}

/** Programs that see packets before netfilter, and with it the fence, does. */
export function judgePacketPrograms(
  config: Config,
  interfaces: readonly HostInterface[],
  programs: readonly PacketProgram[],
): readonly Finding[] {
  const topic = 'packet programs';
  const findings = routerInterfaces(config).flatMap((name) => {
    const index = interfaces.find((candidate) => candidate.name === name)?.index;
    const kinds = [
      ...new Set(programs.filter(({ interfaceIndex }) => interfaceIndex === index).map(({ kind }) => kind)),
    ];
    if (kinds.length === 0) return [];
    const found = `${name} has ${kinds.map(inWords).join(' and ')}, where programs (Cilium) answer or redirect before the fence can`;
    return [
      warning(topic, found, `see: bpftool net show dev ${name}; none of them may answer for the virtual addresses`),
    ];
  });
  if (findings.length > 0) return findings;
  return [ok(topic, 'none sees packets before the fence does')];
}

function inWords(kind: PacketProgram['kind']): string {
  switch (kind) {
    case 'xdp':
      return 'an XDP program';
    case 'clsact':
    case 'ingress':
      return `a traffic control hook (${kind})`;
  }
}
