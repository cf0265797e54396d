export { FloatingIps } from './floating-ips.ts';
export type { FloatingIpStatus } from './runner.ts';
