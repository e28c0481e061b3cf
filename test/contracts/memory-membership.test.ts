import { describe } from 'vitest';
import { membershipContract } from './membership.contract.ts';
import { memoryCapabilities, openMemory } from './memory.ts';

describe('the membership in memory', () => membershipContract(openMemory, memoryCapabilities));
