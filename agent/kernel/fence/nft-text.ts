/** A regular chain, one rule per line. */
export function chain(name: string, rules: readonly string[]): string[] {
  return [`chain ${name} {`, ...rules.map((rule) => `  ${rule}`), '}'];
}

/** A set or map, on a line of its own. `properties`: its type, and flags if any. */
export function collection(
  kind: 'set' | 'map',
  name: string,
  properties: string,
  elements: readonly string[] = [],
): string {
  const filled = elements.length === 0 ? '' : ` elements = { ${elements.join(', ')} };`;
  return `${kind} ${name} { ${properties};${filled} }`;
}

/** An interface name as part of an nft identifier, one to one: what an identifier may not hold becomes `_<hex>`. */
export function label(interfaceName: string): string {
  return interfaceName.replace(/[^A-Za-z0-9.-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
}
