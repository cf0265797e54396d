import {
  BallotMessage,
  ClusterBackup,
  ClusterEvent,
  ClusterView,
  CreateCluster,
  CreatedCluster,
  EventsPage,
  EventsQuery,
  GroupView,
  Healthy,
  HelloRequest,
  IssuedToken,
  IssuedViewerToken,
  NodeView,
  Problem,
  RehearsalRequest,
  RelayRequest,
  ReleaseRequest,
  ReportRequest,
  RestoreQuery,
  VoteRequest,
  WitnessFrame,
  WitnessMessage,
  WitnessRequest,
  WitnessResult,
} from '@tiebreak/shared/wire';
import type { z } from 'zod';
import type { ProblemCode } from './problem.ts';

/** By the name under which the API's description refers to them. */
export const SCHEMAS = {
  Ballot: BallotMessage,
  Cluster: ClusterView,
  ClusterBackup,
  ClusterEvent,
  CreateCluster,
  CreatedCluster,
  EventsPage,
  Group: GroupView,
  Healthy,
  HelloRequest,
  IssuedToken,
  IssuedViewerToken,
  Node: NodeView,
  Problem,
  RehearsalRequest,
  RelayRequest,
  ReleaseRequest,
  ReportRequest,
  VoteRequest,
  WitnessFrame,
  WitnessMessage,
  WitnessRequest,
  WitnessResult,
} as const satisfies Readonly<Record<string, z.ZodType>>;

export type SchemaName = keyof typeof SCHEMAS;

export type Operation = {
  readonly method: 'get' | 'put' | 'post' | 'delete';
  /** with parameters as OpenAPI writes them */
  readonly path: string;
  readonly summary: string;
  readonly description: string;
  readonly caller: 'anyone' | 'admin' | 'node' | 'reader';
  readonly query?: z.ZodObject;
  readonly body?: { readonly schema: SchemaName; readonly required: boolean };
  /** by status; without a schema: no JSON */
  readonly answers: Readonly<Record<number, { readonly description: string; readonly schema?: SchemaName }>>;
  /** besides those that every operation with such a path, body or caller has */
  readonly problems: readonly ProblemCode[];
};

const CLUSTER = '/v1/clusters/{cluster}';
const OF_THE_LINK = {
  description: 'The HTTPS fallback of the link: the same requests, the same signed answers.',
  caller: 'node',
  answers: {
    200: { description: 'the signed answer; its body is a WitnessMessage', schema: 'WitnessFrame' },
    409: { description: 'refused, as the signed answer says', schema: 'WitnessFrame' },
  },
  problems: ['too_many_groups'],
} as const satisfies Partial<Operation>;

/** The witness API, version 1. */
export const OPERATIONS: readonly Operation[] = [
  {
    method: 'get',
    path: '/healthz',
    summary: 'Whether the witness runs',
    description: 'Says nothing of any cluster.',
    caller: 'anyone',
    answers: { 200: { description: 'it does', schema: 'Healthy' } },
    problems: [],
  },
  {
    method: 'get',
    path: '/openapi.json',
    summary: 'This description',
    description: 'OpenAPI 3.1, made from the schemas by which requests are checked.',
    caller: 'anyone',
    answers: { 200: { description: 'the description' } },
    problems: [],
  },
  {
    method: 'get',
    path: '/reference',
    summary: 'This description, for people',
    description: 'A page of HTML.',
    caller: 'anyone',
    answers: { 200: { description: 'the page' } },
    problems: [],
  },
  {
    method: 'put',
    path: CLUSTER,
    summary: 'Create a cluster',
    description: 'Again without harm: a cluster that is there stays as it is.',
    caller: 'admin',
    body: { schema: 'CreateCluster', required: false },
    answers: {
      200: { description: 'it was there', schema: 'CreatedCluster' },
      201: { description: 'it is new', schema: 'CreatedCluster' },
    },
    problems: [],
  },
  {
    method: 'delete',
    path: CLUSTER,
    summary: 'Retire a cluster',
    description:
      'It forgets everything, and refuses all its nodes from then on. Only a backup brings its identity back, here or in another deployment.',
    caller: 'admin',
    answers: { 204: { description: 'it is gone' } },
    problems: ['unknown_cluster'],
  },
  {
    method: 'get',
    path: `${CLUSTER}/backup`,
    summary: 'What a cluster can be restored from',
    description:
      "A secret: whoever has it can speak to the nodes in this witness's name. It holds no token, no vote and no event.",
    caller: 'admin',
    answers: { 200: { description: 'the backup', schema: 'ClusterBackup' } },
    problems: ['unknown_cluster'],
  },
  {
    method: 'put',
    path: `${CLUSTER}/backup`,
    summary: 'Restore a cluster',
    description:
      'The tokens of its nodes and viewers are good again. It gives its vote to nobody for 10 s, and waits again for a node that has seen more votes than the backup. The witness that the backup was taken of must have been retired, or be gone for good: both together would be two votes.',
    caller: 'admin',
    query: RestoreQuery,
    body: { schema: 'ClusterBackup', required: true },
    answers: { 201: { description: 'it is restored', schema: 'CreatedCluster' } },
    problems: ['bad_query', 'cluster_exists', 'other_cluster'],
  },
  {
    method: 'put',
    path: `${CLUSTER}/nodes/{node}`,
    summary: 'Enrol a node, or replace its credential',
    description: 'Each time the node gets another token; the former one is void at once, and its links are closed.',
    caller: 'admin',
    answers: {
      200: { description: 'the former token is void', schema: 'IssuedToken' },
      201: { description: 'the node is new', schema: 'IssuedToken' },
    },
    problems: ['unknown_cluster', 'too_many_nodes'],
  },
  {
    method: 'delete',
    path: `${CLUSTER}/nodes/{node}`,
    summary: 'Revoke the credential of a node',
    description: 'Void at once, and its links are closed. A vote that the node has been given binds on until it ends.',
    caller: 'admin',
    answers: { 204: { description: 'it is void' } },
    problems: ['unknown_cluster', 'unknown_node'],
  },
  {
    method: 'put',
    path: `${CLUSTER}/viewers/{viewer}`,
    summary: 'Let someone read, or replace their credential',
    description:
      'Good for the state, the events and the status page of this cluster. The former token is void at once.',
    caller: 'admin',
    answers: {
      200: { description: 'the former token is void', schema: 'IssuedViewerToken' },
      201: { description: 'the viewer is new', schema: 'IssuedViewerToken' },
    },
    problems: ['unknown_cluster', 'too_many_viewers'],
  },
  {
    method: 'delete',
    path: `${CLUSTER}/viewers/{viewer}`,
    summary: 'Revoke the credential of a viewer',
    description: 'Void at once. Every open stream of events is closed; whose token is good opens it again.',
    caller: 'admin',
    answers: { 204: { description: 'it is void' } },
    problems: ['unknown_cluster', 'unknown_viewer'],
  },
  {
    method: 'get',
    path: `${CLUSTER}/events`,
    summary: 'What has happened, and why',
    description:
      "Every decision with what it was based on: the last 5,000 events of 90 days, newest first. With 'Upgrade: websocket' each event from now on, as a text message with a ClusterEvent; 'ping' is answered with 'pong'.",
    caller: 'reader',
    query: EventsQuery,
    answers: {
      101: { description: 'the stream is open' },
      200: { description: 'a page of events', schema: 'EventsPage' },
    },
    problems: ['unknown_cluster', 'bad_query', 'too_many_viewers'],
  },
  {
    method: 'get',
    path: CLUSTER,
    summary: 'The state of a cluster',
    description: 'Its votes, what its nodes report, and which of them are heard.',
    caller: 'reader',
    answers: { 200: { description: 'the state now', schema: 'Cluster' } },
    problems: ['unknown_cluster'],
  },
  {
    method: 'get',
    path: `${CLUSTER}/groups/{group}`,
    summary: 'The state of a group',
    description: 'Who has the vote, for how long, and what the nodes report.',
    caller: 'reader',
    answers: { 200: { description: 'the state now', schema: 'Group' } },
    problems: ['unknown_cluster', 'unknown_group'],
  },
  {
    method: 'get',
    path: `${CLUSTER}/link`,
    summary: 'The link of an agent',
    description:
      "A WebSocket. Its text frames are WitnessRequest from the agent and WitnessFrame from the witness; 'ping' is answered with 'pong'.",
    caller: 'node',
    answers: { 101: { description: 'the link is open' } },
    problems: ['upgrade_required'],
  },
  {
    ...OF_THE_LINK,
    method: 'post',
    path: `${CLUSTER}/groups/{group}/vote`,
    summary: 'Ask for the vote, or for more of it',
    body: { schema: 'VoteRequest', required: true },
  },
  {
    ...OF_THE_LINK,
    method: 'delete',
    path: `${CLUSTER}/groups/{group}/vote`,
    summary: 'Give the vote back',
    body: { schema: 'ReleaseRequest', required: true },
  },
  {
    ...OF_THE_LINK,
    method: 'post',
    path: `${CLUSTER}/request`,
    summary: 'Any request of the link',
    body: { schema: 'WitnessRequest', required: true },
    problems: [...OF_THE_LINK.problems, 'protocol'],
  },
];
