export { extendingTimeout, openServiceManager, type ServiceManager } from './notify.ts';
export { statusInWords } from './status-in-words.ts';
