export { adminTokenProblem } from './admin-token.ts';
export { formatListenAddress, type ListenAddress, parseListenAddress } from './listen-address.ts';
export { ordersBySignal } from './orders.ts';
export { type Served, type ServeEvents, type ServeOptions, type ServeOrders, serveWitness } from './serve.ts';
