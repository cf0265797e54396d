#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// The types are stripped once and for all: what strips them takes more memory than the whole guardian. The folder belongs
// to whoever the code belongs to; where it cannot be written, everything works without.
enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/tiebreak', import.meta.url)));

const { parseRunArguments } = await import('./run-arguments.ts');
const run = parseRunArguments(process.argv.slice(2), process.env);
if (run === undefined) await (await import('./program.ts')).runProgram();
else await (await import('./run-process.ts')).runProcess(run);
