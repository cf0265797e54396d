export { doLastDuties } from './last-duties.ts';
export { rehearseHandover } from './rehearsal.ts';
