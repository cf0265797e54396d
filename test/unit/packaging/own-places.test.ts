import { expect, test } from 'vitest';
import { withPlaces } from '../../../packaging/bundle/own-places.ts';

const place = (target: string): string => `const at = new URL('${target}', import.meta.url);`;

test('what a module finds beside itself is where the package has it', () => {
  expect(withPlaces(place('worker.ts'), '/top/agent/checks/checker.ts', '/top')).toBe(place('./checks-worker.js'));
  expect(withPlaces(place('./package.json'), '/top/agent/version.ts', '/top')).toBe(place('../package.json'));
  expect(withPlaces(place('../../wrangler.toml'), '/top/agent/witness-setup/deploy.ts', '/top')).toBe(
    place('../witness/wrangler.toml'),
  );
});

test('a place that no package has stops the build', () => {
  expect(() => withPlaces(place('worker.ts'), '/top/agent/other/other.ts', '/top')).toThrow(
    'agent/other/other.ts looks for agent/other/worker.ts',
  );
});
