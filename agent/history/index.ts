export { HistoryLog } from './history.ts';
export { openHistoryFile } from './history-file.ts';
