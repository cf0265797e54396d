export { type Ownership, OwnershipBoard } from './ownership-board.ts';
