import { describe } from 'vitest';
import { brokerContract } from './broker.contract.ts';
import { memoryCapabilities, openMemory } from './memory.ts';

describe('the broker in memory', () => brokerContract(openMemory, memoryCapabilities));
