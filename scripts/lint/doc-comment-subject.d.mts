import type { Rule } from 'eslint';

export declare const docCommentSubject: Rule.RuleModule;
