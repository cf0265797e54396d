import { app } from './app.ts';

export { ClusterWitness } from './cluster.ts';
export default app;
