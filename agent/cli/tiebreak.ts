#!/usr/bin/env node
import { keepCompiled } from './compile-cache.ts';

keepCompiled();

const { parseRunArguments } = await import('./run-arguments.ts');
const run = parseRunArguments(process.argv.slice(2), process.env);
if (run === undefined) await (await import('./program.ts')).runProgram();
else await (await import('./run-process.ts')).runProcess(run);
