export { type Access, ADMIN_TOKEN_VARIABLE, findAccess } from './access.ts';
export { AdminApi, type Answer, type Failure } from './admin-api.ts';
export { defaultCredentialsFile } from './credentials-file.ts';
export { type Deployed, deployWitness } from './deploy.ts';
export { adviceText, adviseInterval, type IntervalAdvice } from './interval.ts';
export { type Measured, measureVotes } from './measure.ts';
export { type PreparedFile, prepareSecretFile } from './secret-file.ts';
export { judgeTokenFile, type TokenFile } from './token-file.ts';
export { wranglerAt } from './wrangler.ts';
