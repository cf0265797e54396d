import { expect, test } from 'vitest';
import { fenceBetween, fenceWithAdditions, planFence, routerName } from '../../../agent/engine/fence-plan.ts';
import { configOf, edit, PAIR, PLAIN } from '../config/example.ts';

const GROUP = PAIR.slice(PAIR.indexOf('[[group]]'));
const WEB = GROUP.replace('"edge"', '"web"').replace('= 33', '= 34').replace('192.0.2.100', '192.0.2.110');

const fenceOf = (text: string) => planFence(configOf(text).groups, ['eth0']).options;

test('while a group changes, what it loses is withdrawn, and what it gains held back already', () => {
  const after = edit(edit(PAIR, '192.0.2.100', '192.0.2.101'), '= 33', '= 35');
  const [group] = fenceBetween(fenceOf(PAIR), fenceOf(after)).groups;
  expect(group).toMatchObject({
    addresses: ['192.0.2.101'],
    virtualRouters: [{ virtualRouterId: 35 }],
    withdrawn: { addresses: ['192.0.2.100'], virtualRouters: [{ virtualRouterId: 33 }] },
  });
});

test('before anything is taken away, the fence holds back what is new beside all that there was', () => {
  const before = fenceOf(PAIR);
  const after = fenceOf(
    `${edit(edit(PAIR, '192.0.2.100', '192.0.2.101'), '= 33', '= 35')}\n${WEB.replace('34', '36')}`,
  );
  const [edge, web] = fenceWithAdditions(before, after).groups;
  expect(edge).toMatchObject({
    addresses: ['192.0.2.100', '192.0.2.101'],
    virtualRouters: [{ virtualRouterId: 33 }, { virtualRouterId: 35 }],
  });
  expect(edge).not.toHaveProperty('withdrawn');
  expect(web).toEqual(after.groups[1]);
  expect(fenceWithAdditions(before, before).groups).toEqual(before.groups);
});

test('a group that goes is whole until it has gone, and one that has not changed has nothing withdrawn', () => {
  const before = fenceOf(`${PAIR}\n${WEB}`);
  const between = fenceBetween(before, fenceOf(PAIR));
  expect(between.groups).toEqual(before.groups);
  expect(fenceBetween(before, before).groups).toEqual(before.groups);
});

test('what was withdrawn and could not be removed stays withdrawn', () => {
  const after = fenceOf(edit(PAIR, '192.0.2.100', '192.0.2.101'));
  const between = fenceBetween(fenceOf(PAIR), after);
  expect(fenceBetween(between, after).groups).toEqual(between.groups);
});

test('a virtual router in mode "vrrp" keeps its number, and a new one gets none that is in use', () => {
  const [router] = configOf(PLAIN).groups.flatMap((group) => group.virtualRouters);
  if (router === undefined) throw new Error('there is one');
  const groups = configOf(PLAIN).groups;
  expect(planFence(groups, ['eth0'], new Map([[routerName(router), 7]])).options.groups[0]?.id).toBe(7);
  expect(planFence(groups, ['eth0'], new Map(), [2, 3]).options.groups[0]?.id).toBe(4);
});
