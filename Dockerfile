FROM node:24-bookworm-slim AS build
WORKDIR /app

COPY package.json package-lock.json ./
RUN npm ci

COPY tsconfig.json ./
COPY scripts ./scripts
COPY protocol ./protocol
COPY client ./client
COPY src ./src
COPY console ./console
RUN npm run build
RUN npm prune --omit=dev

FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production
# Of the container: what reaches it from outside is decided by the ports that are published.
ENV REVERB_SERVER_HOST=0.0.0.0

COPY LICENSE ./
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist

USER node
EXPOSE 8080

# Over http, or over https where the server has a certificate, whoever issued it: the question never leaves the container.
HEALTHCHECK --interval=5s --timeout=3s --retries=3 CMD ["node", "-e", "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'; const up = (scheme) => fetch(scheme + '://127.0.0.1:' + (process.env.REVERB_SERVER_PORT || 8080) + '/up'); up('http').catch(() => up('https')).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

# The server itself, not npm: SIGTERM must reach it, so that it can ask its clients to connect elsewhere.
ENTRYPOINT ["node", "dist/src/cli/main.js"]
CMD ["start"]
