// Stands in for wrangler: notes what it was called with, and answers as a file beside the notes says.
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';

const { STUB_FOLDER: folder = '', WRANGLER_OUTPUT_FILE_PATH: notesFile } = process.env;
const args = process.argv.slice(2);
const config = after('--config');
const secrets = after('--secrets-file');
const note = {
  args,
  environment: process.env,
  config: config === undefined ? '' : readFileSync(config, 'utf8'),
  secrets:
    secrets === undefined ? null : { content: readFileSync(secrets, 'utf8'), mode: statSync(secrets).mode & 0o777 },
};
appendFileSync(`${folder}/calls.ndjson`, `${JSON.stringify(note)}\n`);
const answers = JSON.parse(readFileSync(`${folder}/answers.json`, 'utf8'));
const { code = 0, notes = '', stderr = '', stdout = '' } = answers[args[0] ?? ''] ?? {};
if (notesFile !== undefined) writeFileSync(notesFile, notes);
process.stdout.write(stdout);
process.stderr.write(stderr);
process.exitCode = code;

function after(option: string): string | undefined {
  const at = args.indexOf(option);
  return at < 0 ? undefined : args[at + 1];
}
