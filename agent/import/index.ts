export type { ImportFinding, Place } from './finding.ts';
export { validName } from './names.ts';
export type { FindProgram } from './programs.ts';
export { type IncludedFile, type ReadOptions, readKeepalived, type SourceFile } from './read-keepalived.ts';
export { type TranslateOptions, type Translation, translate } from './translate.ts';
