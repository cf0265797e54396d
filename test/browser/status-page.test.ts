import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { launchChromium } from './chromium.ts';
import { type ReportingNode, Site } from './site.ts';

/** Events are shown at once, other changes within half a minute: a test of the former must not wait for the latter. */
const AT_ONCE = { timeout: 20_000 };

let site: Site;
let browser: Browser;
beforeAll(async () => {
  [site, browser] = await Promise.all([Site.open(), launchChromium()]);
});
const nodes: ReportingNode[] = [];
/** What went wrong in the pages of a test: a script that fails, a policy that is broken. */
const complaints: string[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) node.link.close();
  await Promise.all(browser.contexts().map((context) => context.close()));
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
});

async function pair(): Promise<{ cluster: string; a: ReportingNode; b: ReportingNode }> {
  const cluster = await site.newCluster();
  const [a, b] = [await site.node(cluster, 'a', 'b'), await site.node(cluster, 'b', 'a')];
  nodes.push(a, b);
  a.takesOver(1);
  return { cluster, a, b };
}

async function openPage(path: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  complaints.splice(0);
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  await page.goto(site.url(path));
  return page;
}

async function signedIn(cluster: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await openPage(`/clusters/${cluster}`, options);
  await page.getByLabel('Token of a viewer').fill(await site.viewerToken(cluster));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('main').waitFor(AT_ONCE);
  return page;
}

const ownerIs = (page: Page, owner: string) =>
  page
    .locator('#group-edge .owner')
    .filter({ hasText: new RegExp(`^${owner}$`) })
    .waitFor(AT_ONCE);

test('the owner moves while the page is open', async () => {
  const { cluster, a, b } = await pair();
  const page = await signedIn(cluster);
  await ownerIs(page, 'a');
  await page.evaluate('window.sameDocument = true');
  a.givesUp();
  b.takesOver(2);
  await ownerIs(page, 'b');
  await page.getByText('edge: b owns it (ballot 2.b), before it a').waitFor(AT_ONCE);
  expect(await page.evaluate('window.sameDocument')).toBe(true);
  await page.locator('figure svg rect.node1').waitFor({ ...AT_ONCE, state: 'attached' });
  expect(await page.locator('main, form, script').count()).toBe(3);
  expect(complaints.filter((text) => !text.includes('401'))).toEqual([]);
});

test('one-way loss is one cell of two', async () => {
  const { cluster, a } = await pair();
  const page = await signedIn(cluster);
  await page.locator('#a-hears-b', { hasText: 'yes, 0.4 ms' }).waitFor(AT_ONCE);
  a.hearsPeer('silent');
  await page.locator('#a-hears-b', { hasText: 'no' }).waitFor(AT_ONCE);
  expect(await page.locator('#b-hears-a').textContent()).toBe('yes, 0.4 ms');
  a.hearsPeer('heard');
  await page.locator('#a-hears-b', { hasText: 'yes' }).waitFor(AT_ONCE);
});

test('a node that goes away is shown as lost', async () => {
  const { cluster, b } = await pair();
  const page = await signedIn(cluster);
  await ownerIs(page, 'a');
  b.link.close();
  await page.getByText('b is lost: the witness hears it no longer').waitFor({ timeout: 30_000 });
  await page.getByRole('cell', { name: 'lost', exact: true }).waitFor(AT_ONCE);
});

test('without scripts everything can be read, and the page reloads itself', async () => {
  const { cluster, a, b } = await pair();
  const page = await signedIn(cluster, { javaScriptEnabled: false });
  await ownerIs(page, 'a');
  await page.locator('#a-hears-b', { hasText: 'yes' }).waitFor(AT_ONCE);
  a.givesUp();
  b.takesOver(2);
  await page.locator('#group-edge .owner', { hasText: 'b' }).waitFor({ timeout: 30_000 });
});

test.each([
  ['light', 360],
  ['dark', 360],
  ['light', 1_280],
] as const)(
  '%s, %i pixels wide: nothing sticks out, and text stands out from its ground',
  async (colorScheme, width) => {
    const { cluster } = await pair();
    const page = await signedIn(cluster, { colorScheme, viewport: { width, height: 740 } });
    await ownerIs(page, 'a');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    const colours = `['body', 'td.good'].map((part) => getComputedStyle(document.querySelector(part)).color)`;
    expect(await page.evaluate(colours)).toEqual(
      colorScheme === 'dark' ? ['rgb(255, 255, 255)', 'rgb(107, 209, 133)'] : ['rgb(0, 0, 0)', 'rgb(23, 105, 44)'],
    );
  },
);

test('a wrong token is told so, and the right one of another cluster is a wrong one', async () => {
  const { cluster } = await pair();
  const other = await site.newCluster();
  const page = await openPage(`/clusters/${cluster}`);
  for (const token of ['wrong', await site.viewerToken(other)]) {
    await page.getByLabel('Token of a viewer').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'This is no token of a viewer of this cluster.' }).waitFor(AT_ONCE);
  }
  expect(await page.context().cookies()).toEqual([]);
});

test('a webhook that nobody takes is shown, with when it is tried again', async () => {
  const { cluster, b } = await pair();
  await site.webhook(cluster, 'https://hooks.example.com/ha');
  const page = await signedIn(cluster);
  await ownerIs(page, 'a');
  b.takesOver(2);
  await ownerIs(page, 'b');
  const told = page.getByText(/pager: waiting \(.+\), tried once, again at .+; edge: b owns it/);
  // The cluster is new: for ten seconds its witness gives nobody a vote, and tells webhooks all the same.
  await told.waitFor({ timeout: 6_000 });
});

test('signing out ends it', async () => {
  const { cluster } = await pair();
  const page = await signedIn(cluster);
  // Not only as it came: the script has put in its place what it fetched.
  await page.waitForResponse((response) => response.url().endsWith(`/clusters/${cluster}`));
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByLabel('Token of a viewer').waitFor(AT_ONCE);
  await page.reload();
  await page.getByLabel('Token of a viewer').waitFor(AT_ONCE);
});

test('a witness that stops is told, with the time of what is still shown', async () => {
  const { cluster } = await pair();
  const page = await signedIn(cluster);
  await ownerIs(page, 'a');
  expect(await page.getByRole('status').isVisible()).toBe(false);
  await site.close();
  await page
    .getByRole('status')
    .filter({ hasText: /does not answer.*\d\d:\d\d:\d\d UTC/ })
    .waitFor(AT_ONCE);
  await ownerIs(page, 'a');
});
