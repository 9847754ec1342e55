import { transportContract } from '../contract.js';
import { describeInNamespaces } from '../in-namespaces.js';
import { rawSocketBehaviours } from './raw-socket-behaviours.js';

describeInNamespaces(
  'the raw-socket transport',
  'raw-socket/raw-socket.inside.ts',
  [...transportContract, ...rawSocketBehaviours].map(({ title }) => title),
);
