const ADMIN_TOKEN = /^[\x21-\x7e]{16,}$/;

/** What is wrong with an admin token; undefined: nothing. @param from where it was found */
export function adminTokenProblem(token: string, from: string): string | undefined {
  if (ADMIN_TOKEN.test(token)) return undefined;
  return `${from} must hold the admin token: 16 or more letters, digits or signs, no spaces.\nFor a new one: export TIEBREAK_ADMIN_TOKEN=$(openssl rand -hex 32)`;
}
