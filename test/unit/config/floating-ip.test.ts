import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { formatSecretProblem, loadSecrets } from '../../../agent/config/index.ts';
import { configOf, edit, PAIR, PLAIN, problemsOf, warningsOf } from './example.ts';

const DIGITALOCEAN = 'provider = "digitalocean"\naddress = "203.0.113.10"\ntoken_file = "/etc/tiebreak/do.token"';
const AWS = 'provider = "aws"\naddress = "203.0.113.30"\nkind = "elastic_ip"';
const ROUTE = 'provider = "aws"\naddress = "10.9.9.9"\nkind = "route"\nroute_tables = ["rtb-0123456789abcdef0"]';

function withIp(...tables: string[]): string {
  return `${PAIR}${tables.map((lines) => `\n[[group.floating_ip]]\n${lines}\n`).join('')}`;
}

function floatingIps(...tables: string[]): unknown {
  return configOf(withIp(...tables)).groups[0]?.floatingIps;
}

function problems(...tables: string[]): string[] {
  return problemsOf(withIp(...tables)).map((line) => line.replace(/^edge\.toml:\d+:\d+ {2}group\[0\]\./, ''));
}

const DEFAULTS = { url: null, metadataUrl: 'http://169.254.169.254', verifyIntervalMs: 30_000 };

describe('a floating IP', () => {
  it('of DigitalOcean needs an address and a token', () => {
    expect(floatingIps(DIGITALOCEAN)).toEqual([
      {
        ...DEFAULTS,
        provider: 'digitalocean',
        address: '203.0.113.10',
        tokenFile: '/etc/tiebreak/do.token',
        server: null,
      },
    ]);
  });

  it('of Hetzner, with everything that can be said', () => {
    const said = `provider = "hetzner"
address = "2001:DB8::1"
token_file = "/t"
server = "4711"
verify_interval = "1m"
url = "https://proxy.example.com/hetzner/"
metadata_url = "http://127.0.0.1:8080"`;
    expect(floatingIps(said)).toEqual([
      {
        provider: 'hetzner',
        address: '2001:db8::1',
        tokenFile: '/t',
        server: '4711',
        verifyIntervalMs: 60_000,
        url: 'https://proxy.example.com/hetzner',
        metadataUrl: 'http://127.0.0.1:8080',
      },
    ]);
  });

  it('of AWS is of one of three kinds, and knows by itself who and where it is', () => {
    const own = { ...DEFAULTS, provider: 'aws', credentialsFile: null, region: null, networkInterface: null };
    const route = { ...own, kind: 'route', routeTables: ['rtb-0123456789abcdef0'] };
    expect(
      floatingIps(
        AWS,
        'provider = "aws"\naddress = "10.0.0.100"\nkind = "eni"\nregion = "eu-central-1"',
        ROUTE,
        `${edit(ROUTE, '10.9.9.9', '10.9.9.8')}\ndestination = "10.9.0.0/16"`,
        edit(ROUTE, '10.9.9.9', '2001:db8::9'),
      ),
    ).toEqual([
      { ...own, kind: 'elastic_ip', address: '203.0.113.30', privateAddress: null },
      { ...own, kind: 'eni', address: '10.0.0.100', region: 'eu-central-1' },
      { ...route, address: '10.9.9.9', destination: '10.9.9.9/32' },
      { ...route, address: '10.9.9.8', destination: '10.9.0.0/16' },
      { ...route, address: '2001:db8::9', destination: '2001:db8::9/128' },
    ]);
  });
});

describe('what is refused', () => {
  it.each<[string, string[]]>([
    [
      edit(DIGITALOCEAN, 'digitalocean', 'digital-ocean'),
      ["floating_ip[0].provider: must be one of digitalocean, hetzner, aws; did you mean 'digitalocean'?"],
    ],
    [edit(DIGITALOCEAN, 'digitalocean', 'gcp'), ['floating_ip[0].provider: must be one of digitalocean, hetzner, aws']],
    ['address = "203.0.113.10"', ['floating_ip[0].provider: is missing: one of digitalocean, hetzner, aws']],
    [
      edit(AWS, 'elastic_ip', 'elastic-ip'),
      ["floating_ip[0].kind: must be one of elastic_ip, eni, route; did you mean 'elastic_ip'?"],
    ],
    [edit(DIGITALOCEAN, 'token_file = "/etc/tiebreak/do.token"', ''), ['floating_ip[0].token_file: is missing']],
    [
      edit(DIGITALOCEAN, 'token_file', 'token_fil'),
      ['floating_ip[0].token_file: is missing', "floating_ip[0].token_fil: unknown key; did you mean 'token_file'?"],
    ],
    [`${DIGITALOCEAN}\nkind = "eni"`, ['floating_ip[0].kind: unknown key; it is for another provider or kind']],
    [
      `${AWS}\nroute_tables = ["rtb-0123456789abcdef0"]`,
      ['floating_ip[0].route_tables: unknown key; it is for another provider or kind'],
    ],
    [`${DIGITALOCEAN}\nserver = 4711`, ['floating_ip[0].server: must be text in quotes, not a whole number']],
    [`${DIGITALOCEAN}\nserver = "web-1"`, ['floating_ip[0].server: must be the number of the server, in quotes']],
    [`${DIGITALOCEAN}\nverify_interval = "1s"`, ['floating_ip[0].verify_interval: must be 5s to 1h']],
    [
      edit(DIGITALOCEAN, '203.0.113.10', '224.0.0.1'),
      ['floating_ip[0].address: is not an address that a host can have'],
    ],
    [
      edit(AWS, '203.0.113.30', '2001:db8::1'),
      ['floating_ip[0].address: must be an IPv4 address: AWS moves an IPv6 address by kind = "route" only'],
    ],
    [
      edit(ROUTE, 'rtb-0123456789abcdef0', 'main'),
      ['floating_ip[0].route_tables[0]: must be an ID such as "rtb-0123456789abcdef0"'],
    ],
    [`${AWS}\nregion = "Frankfurt"`, ['floating_ip[0].region: must be a region such as "eu-central-1"']],
  ])('%s', (lines, expected) => {
    expect(problems(lines).toSorted()).toEqual(expected.toSorted());
  });

  it.each(['http://api.example.com', 'http://203.0.113.1', 'http://[2001:db8::1]:80', 'http://localhost'])(
    'a token in clear to %s',
    (url) => {
      expect(problems(`${DIGITALOCEAN}\nurl = "${url}"`)).toEqual([
        'floating_ip[0].url: must start with https://, since the token goes there; http:// is for an IP address of the own network only',
      ]);
    },
  );

  it.each(['https://api.example.com', 'http://127.0.0.1:1', 'http://10.1.2.3', 'http://[fd00::1]', 'http://[::1]:80'])(
    'but not one to %s',
    (url) => {
      expect(problems(`${DIGITALOCEAN}\nurl = "${url}"`)).toEqual([]);
    },
  );

  it('an address that is kept twice, in another group too', () => {
    expect(problems(DIGITALOCEAN, DIGITALOCEAN)).toEqual(['floating_ip[1].address: is another floating IP already']);
    const second = PAIR.slice(PAIR.indexOf('[[group]]'))
      .replace('"edge"', '"core"')
      .replace('eth0', 'eth1')
      .replace('.100/24', '.101/24');
    const both = `${withIp(DIGITALOCEAN)}${second}\n[[group.floating_ip]]\n${DIGITALOCEAN}\n`;
    expect(problemsOf(both)).toEqual([
      expect.stringContaining('group[1].floating_ip[0].address: is another floating IP already'),
    ]);
  });
});

it('a warning comes with mode "vrrp", where nobody knows for certain who owns', () => {
  const [warning] = warningsOf(`${PLAIN}\n[[group.floating_ip]]\n${DIGITALOCEAN}\n`);
  expect(warning).toMatchObject({
    path: 'group[0].floating_ip',
    message: 'in mode "vrrp" a cut link makes two owners, who take the address from each other',
  });
});

describe('its secret', () => {
  const KEY = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';
  const TOKEN = `tbn1.${'0123456789abcdef'.repeat(2)}.${'fedcba9876543210'.repeat(4)}`;
  const CLOUD_TOKEN = 'dop_v1_0123456789abcdef';

  function load(table: string, content: string, mode = 0o600) {
    const directory = mkdtempSync(join(tmpdir(), 'tb-floating-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const put = (name: string, text: string, fileMode: number): void => {
      writeFileSync(join(directory, name), text);
      chmodSync(join(directory, name), fileMode);
    };
    put('edge.key', `1 ${KEY}`, 0o600);
    put('witness.token', TOKEN, 0o600);
    put('do.token', content, mode);
    const loaded = loadSecrets(configOf(withIp(table).replaceAll('/etc/tiebreak', directory)));
    const file = join(directory, 'do.token');
    if (loaded.ok) return { secret: loaded.secrets.floatingIpTokens.get(file), problems: [] };
    const found = loaded.problems.map((problem) => formatSecretProblem(problem).replaceAll(directory, ''));
    return { secret: undefined, problems: found };
  }

  const FILE_OF_KEYS = `${AWS}\ncredentials_file = "/etc/tiebreak/do.token"`;
  const KEYS =
    'aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

  it('is a word in a file', () => {
    expect(load(DIGITALOCEAN, `${CLOUD_TOKEN}\n`).secret).toEqual({ kind: 'token', token: CLOUD_TOKEN });
  });

  it('or a file as the tools of AWS have it', () => {
    const keys = {
      kind: 'aws',
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    };
    expect(
      load(FILE_OF_KEYS, `# of the router\n[other]\naws_access_key_id = X\n\n[default]\n${KEYS}\n`).secret,
    ).toEqual({
      ...keys,
      sessionToken: null,
    });
    expect(load(FILE_OF_KEYS, `${KEYS}\naws_session_token=IQoJ//x==\n`).secret).toEqual({
      ...keys,
      sessionToken: 'IQoJ//x==',
    });
  });

  it.each<[string, string, number, string]>([
    [DIGITALOCEAN, CLOUD_TOKEN, 0o644, '/do.token: others may use it (mode 0644); do: chmod 600 /do.token'],
    [DIGITALOCEAN, '\n', 0o600, '/do.token: is empty: put the API token of the cloud there'],
    [
      DIGITALOCEAN,
      'two words-and-many',
      0o600,
      '/do.token: must hold the API token of the cloud, as one word, and nothing else',
    ],
    [DIGITALOCEAN, 'short', 0o600, '/do.token: must hold the API token of the cloud, as one word, and nothing else'],
    [
      FILE_OF_KEYS,
      'aws_access_key_id = A\n',
      0o600,
      '/do.token: needs aws_access_key_id and aws_secret_access_key in its section [default]',
    ],
    [FILE_OF_KEYS, `${KEYS}\nsecret words here\n`, 0o600, "/do.token:3: is not 'KEY = VALUE'"],
  ])('is refused: %s\n%s', (table, content, mode, problem) => {
    expect(load(table, content, mode).problems).toEqual([problem]);
  });
});

describe('docs/floating-ips.md', () => {
  const page = readFileSync(new URL('../../../docs/floating-ips.md', import.meta.url), 'utf8');
  const blocks = (language: string): string[] =>
    [...page.matchAll(/```(\w+)\n(.*?)```/gs)].flatMap(([, name, text = '']) => (name === language ? [text] : []));

  it.each(blocks('toml').map((text) => [text]))('has an example that is right:\n%s', (text) => {
    expect(text).toContain('[[group.floating_ip]]');
    expect(problemsOf(`${PAIR}\n${text}`)).toEqual([]);
  });

  it('has one for each provider and kind', () => {
    const kinds = blocks('toml').flatMap((text) =>
      configOf(`${PAIR}\n${text}`).groups.flatMap(({ floatingIps: ips }) =>
        ips.map((ip) => (ip.provider === 'aws' ? `aws ${ip.kind}` : ip.provider)),
      ),
    );
    expect([...new Set(kinds)].toSorted()).toEqual([
      'aws elastic_ip',
      'aws eni',
      'aws route',
      'digitalocean',
      'hetzner',
    ]);
  });

  it('has policies that are JSON, and together permit every action that is asked for', () => {
    const permitted = blocks('json').flatMap((text) => {
      const policy: { Statement: { Action: string[] }[] } = JSON.parse(text);
      return policy.Statement.flatMap(({ Action }) => Action);
    });
    const source = ['elastic-ip', 'network-interface', 'route'].map((name) =>
      readFileSync(new URL(`../../../agent/floating-ip/aws-${name}.ts`, import.meta.url), 'utf8'),
    );
    const asked = source.flatMap((text) =>
      [...text.matchAll(/ec2\.ask\('(\w+)'/g)].map(([, action]) => `ec2:${action}`),
    );
    expect(asked).toHaveLength(6);
    expect(permitted.toSorted()).toEqual(asked.toSorted());
  });
});
