export { type Decision, HistoryLog } from './history.ts';
export { openHistoryFile } from './history-file.ts';
