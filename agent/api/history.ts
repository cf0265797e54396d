import { HistoryEntry } from '@tiebreak/shared/wire';
import { z } from 'zod';

/** `GET /v1/history`, oldest first. */
export const History = z.array(HistoryEntry);
