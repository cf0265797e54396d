import { app } from './app.ts';

export { ClusterWitness } from './cluster.ts';
export { ClusterDirectory } from './directory.ts';
export default app;
