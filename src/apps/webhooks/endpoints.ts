import type { WebhookEndpoint } from '../../core/app.ts';
import { readSettings, type SettingSource } from '../../settings/settings.ts';
import { readEndpoint } from './endpoint.ts';
import { endpointOfVariables, type GivenEndpoint } from './given.ts';
import { ALLOW_PRIVATE_SETTING } from './private-addresses.ts';

/** The endpoints of an app: those that are given, else the one of the variables. */
export function readEndpoints(
  appId: string,
  given: readonly GivenEndpoint[] | undefined,
  source: SettingSource,
  problems: string[],
): readonly WebhookEndpoint[] {
  // An invalid value is reported where the settings of the server are read.
  const { webhookPrivateNetworks } = readSettings(ALLOW_PRIVATE_SETTING, source, []);
  const ofVariables = endpointOfVariables(source, problems);
  return (given ?? ofVariables).flatMap((each, at) =>
    readEndpoint(each, `${appId}-${at + 1}`, webhookPrivateNetworks, problems),
  );
}
