package io.vitalbeam.testing;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.interceptor.RequestValidatingInterceptor;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import ca.uhn.fhir.validation.IValidatorModule;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import java.io.IOException;
import java.util.List;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * HAPI's JPA server for FHIR R4 over H2, on the loopback interface.
 *
 * <p>Prints {@code READY http://127.0.0.1:PORT/fhir} once it answers. Ends at SIGTERM, and at
 * the end of its standard input: a server never outlives the tests that started it, however
 * they ended.
 *
 * <p>System properties:
 *
 * <ul>
 *   <li>{@code port}: 0, the default, is any free one
 *   <li>{@code refint}: whether what a reference names must exist; true by default
 *   <li>{@code validate}: whether HL7's validator judges each write; false by default
 *   <li>{@code clientIds}: which ids a client may give, a name of HAPI's ClientIdStrategyEnum;
 *       ANY by default, NOT_ALLOWED is a server that gives all ids itself
 *   <li>{@code db}: JDBC URL; by default in memory
 * </ul>
 *
 * <p>The empty {@code oidregistry.csv} among the resources stands before the 1.5 MB one of
 * HL7's libraries, which they read anew for each resource that they judge. Names of OIDs are
 * not looked up without it, and nothing else is lost.
 */
public final class FhirServer {

    private FhirServer() {}

    public static void main(String[] arguments) throws Exception {
        Thread watch = new Thread(FhirServer::endWithStandardInput);
        watch.setDaemon(true);
        watch.start();

        ApplicationContext parts = new AnnotationConfigApplicationContext(ServerSettings.class);
        Server jetty = new Server();
        ServerConnector connector = new ServerConnector(jetty);
        connector.setHost("127.0.0.1");
        connector.setPort(Integer.getInteger("port", 0));
        jetty.addConnector(connector);
        ServletContextHandler handler = new ServletContextHandler("/");
        handler.addServlet(new ServletHolder(servlet(parts)), "/fhir/*");
        jetty.setHandler(handler);
        jetty.setStopAtShutdown(true);
        jetty.start();
        System.out.printf("READY http://127.0.0.1:%d/fhir%n", connector.getLocalPort());
        jetty.join();
    }

    private static RestfulServer servlet(ApplicationContext parts) {
        RestfulServer servlet = new RestfulServer(parts.getBean(FhirContext.class));
        servlet.registerProviders(parts.getBean(ResourceProviderFactory.class).createProviders());
        servlet.registerProvider(parts.getBean(IJpaSystemProvider.class));
        DatabaseBackedPagingProvider pages = parts.getBean(DatabaseBackedPagingProvider.class);
        // HAPI's own most is 50: a test that reads everything back would turn many pages.
        pages.setMaximumPageSize(1000);
        servlet.setPagingProvider(pages);
        servlet.setServerConformanceProvider(new JpaCapabilityStatementProvider(
                servlet,
                parts.getBean(IFhirSystemDao.class),
                parts.getBean(JpaStorageSettings.class),
                parts.getBean(ISearchParamRegistry.class),
                parts.getBean(IValidationSupport.class)));
        if (Boolean.getBoolean("validate")) {
            RequestValidatingInterceptor judge = new RequestValidatingInterceptor();
            judge.setFailOnSeverity(ResultSeverityEnum.ERROR);
            judge.setValidatorModules(List.of(parts.getBean(IValidatorModule.class)));
            servlet.registerInterceptor(judge);
        }
        return servlet;
    }

    private static void endWithStandardInput() {
        try {
            while (System.in.read() >= 0) {
                // What is written there means nothing; that it can be read does.
            }
        } catch (IOException closed) {
            // The end as well.
        }
        System.exit(0);
    }
}
