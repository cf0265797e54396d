export type { ImportFinding, Place } from './finding.ts';
export { validName } from './groups.ts';
export { type IncludedFile, type ReadOptions, readKeepalived, type SourceFile } from './read-keepalived.ts';
export { type Translation, translate } from './translate.ts';
