export { programProblem } from './program-safety.ts';
export { type ProgramEnd, type RunningProgram, runProgram } from './run-program.ts';
export { endOfProgram, identifyProgram, isRunning, StartedProgram } from './started-program.ts';
