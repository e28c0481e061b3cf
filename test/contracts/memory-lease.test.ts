import { describe } from 'vitest';
import { leaseContract } from './lease.contract.ts';
import { memoryCapabilities, openMemory } from './memory.ts';

describe('the lease in memory', () => leaseContract(openMemory, memoryCapabilities));
