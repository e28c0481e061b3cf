const REFUSED = /^[\s*]*(What|Who|Whoever|Whether|Nobody|Somebody)\b/;

/** ESLint rule: a doc comment begins with a noun or a verb, so that a reader meets its subject first. */
export const docCommentSubject = {
  meta: {
    type: 'suggestion',
    messages: { pronoun: "A doc comment begins with a noun or a verb, not with '{{word}}'." },
    schema: [],
  },
  create(context) {
    return {
      Program() {
        for (const comment of context.sourceCode.getAllComments()) {
          if (comment.type !== 'Block' || !comment.value.startsWith('*')) continue;
          const word = REFUSED.exec(comment.value)?.[1];
          if (word !== undefined) context.report({ loc: comment.loc, messageId: 'pronoun', data: { word } });
        }
      },
    };
  },
};
