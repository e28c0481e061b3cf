import type { NodeCommands, Stores } from '../../core/ports/stores.ts';

/** SPEC 14.6: commands for all nodes that forget the decisions of a user whose connections they terminate. */
export const forgettingCommands = ({ nodeCommands, decisions }: Stores): Pick<NodeCommands, 'terminate'> => ({
  terminate: async (app, user) => {
    // First, so that no client is signed for that reconnects at once.
    await decisions.forget({ what: 'user', app, user });
    await nodeCommands.terminate(app, user);
  },
});
