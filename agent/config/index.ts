export { isLinkLocal, parseAddress, parsePrefix } from './address.ts';
export { formatDuration } from './duration.ts';
export { credentialFileOf } from './floating-ip-credential.ts';
export {
  canGoOver,
  configHash,
  configIdentity,
  configuredWitness,
  type IdentityContext,
  identityHash,
  witnessOf,
} from './identity.ts';
export { type LoadedConfig, type LoadOptions, loadConfig } from './load.ts';
export { formatProblem, nearest } from './problem.ts';
export {
  formatSecretProblem,
  type LoadedSecrets,
  loadSecrets,
  parseKeyFile,
  readFloatingIpCredential,
  readWitnessToken,
  type SecretProblem,
} from './secrets.ts';
export { settingsDigest } from './settings.ts';
export type * from './types.ts';
export { ADDRESS_SCOPES } from './types.ts';
export { isVirtualMacInterface } from './virtual-mac.ts';
