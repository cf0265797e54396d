import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../agent/config/index.ts';
import { instance, said, translated } from './keepalived.ts';

/** What becomes of `announce`, and what is said beside it. */
function announced(text: string) {
  const { toml = '', findings } = translated(text);
  const loaded = loadConfig(toml, 'result.toml');
  if (!loaded.ok) throw new Error(toml);
  const lines = toml.split('\n').filter((line) => line.startsWith('announce.'));
  return { lines, config: loaded.config.groups[0]?.virtualRouters[0]?.announce, findings: findings.map(said) };
}

describe('gratuitous ARP', () => {
  it('keeps its own times where nothing is said of it', () => {
    expect(announced(instance())).toMatchObject({ lines: [], config: { copies: 1, refreshUs: 0 }, findings: [] });
  });

  it('is sent as keepalived does, once something is: copies at once, and again after the delay', () => {
    const { lines, config, findings } = announced(
      instance('garp_master_delay 10', 'garp_master_refresh 60', 'garp_master_refresh_repeat 2'),
    );
    expect(lines).toEqual([
      'announce.repeat_after = ["10s"]  # main.conf:6',
      'announce.copies = 5  # main.conf:6',
      'announce.refresh = "60s"  # main.conf:7',
      'announce.refresh_copies = 2  # main.conf:8',
    ]);
    expect(config).toMatchObject({ repeatAfterUs: [10_000_000], copies: 5, refreshUs: 60_000_000, refreshCopies: 2 });
    expect(findings).toEqual([]);
  });

  it('an instance says otherwise than all', () => {
    const all = 'global_defs {\nvrrp_garp_master_delay 0\nvrrp_garp_master_repeat 2\n}\n';
    expect(announced(`${all}${instance('garp_master_repeat 3')}`).config).toMatchObject({
      repeatAfterUs: [],
      copies: 3,
    });
  });

  it('vrrp_min_garp: one, and not again', () => {
    const all = 'global_defs {\nvrrp_min_garp\n}\n';
    expect(announced(`${all}${instance()}`)).toMatchObject({ config: { repeatAfterUs: [], copies: 1 }, findings: [] });
    const off = 'global_defs {\nvrrp_min_garp off\n}\n';
    expect(announced(`${off}${instance()}`).lines).toEqual([]);
  });

  it('the answer to a lower priority is the same, and a word of it that says so is nothing to tell', () => {
    const same = instance(
      'garp_master_delay 3',
      'garp_master_repeat 2',
      'garp_lower_prio_delay 3',
      'garp_lower_prio_repeat 2',
    );
    expect(announced(same).findings).toEqual([]);
  });

  it('an interval is by family, and by interface', () => {
    const all = 'global_defs {\nvrrp_garp_interval 0.001\nvrrp_gna_interval 0.000002\n}\n';
    expect(announced(`${all}${instance()}`).config?.spacingUs).toBe(1_000);
    const ipv6 = instance().replace('192.0.2.100/24', 'fe80::100/64');
    expect(announced(`${all}${ipv6}`).config?.spacingUs).toBe(2);
    const group = 'garp_group {\ngarp_interval 0.05\ninterfaces {\neth0\neth1\n}\n}\n';
    const { config, findings } = announced(`${all}${group}${instance()}`);
    expect(config?.spacingUs).toBe(50_000);
    expect(findings).toEqual([
      "main.conf:5: left_out: 'garp_group' of eth0, eth1: each interface has the interval by itself",
    ]);
    const other = 'garp_group {\ngarp_interval 0.05\ninterface eth9\n}\n';
    expect(announced(`${other}${instance()}`).lines).toEqual([]);
  });

  it('what is beyond the limits is refused alone', () => {
    const { lines, findings } = announced(instance('garp_master_repeat 50'));
    expect(lines).toEqual(['announce.repeat_after = ["5s"]  # main.conf:6']);
    expect(findings).toEqual(["main.conf:6: refused: 'announce.copies = 50': must be a whole number from 1 to 20"]);
  });
});
