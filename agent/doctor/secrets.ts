import { formatSecretProblem, type LoadedSecrets } from '../config/index.ts';
import { type Finding, ok, problem } from './finding.ts';

export function judgeSecrets(loaded: LoadedSecrets): readonly Finding[] {
  if (loaded.ok) return [ok('secrets', 'every key and token file is there, sound, and closed to others')];
  return loaded.problems.map((each) =>
    problem(
      'secrets',
      formatSecretProblem(each),
      "mend that file: 'tiebreak keygen' makes keys, 'tiebreak witness enroll' tokens",
    ),
  );
}
