package io.vitalbeam.testing;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import ca.uhn.fhir.validation.ValidationOptions;
import ca.uhn.fhir.validation.ValidationResult;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/**
 * HL7's validator over a file of resources, one a line, without network.
 *
 * <p>{@code FhirValidate [--vitals] FILE} prints one JSON object per error: {@code index} of the
 * resource, counted from 0, {@code location} in it, {@code message}, and {@code id}, the rule
 * that is broken. Warnings are not printed: most of them say that LOINC's own names are not at hand.
 *
 * <p>{@code --vitals} holds each Observation to the vital-signs profile of its LOINC code, as R4
 * demands, also where its {@code meta.profile} does not name it.
 *
 * <p>The empty {@code oidregistry.csv} among the resources stands before the 1.5 MB one of HL7's
 * libraries, which they read anew for each resource: judging is four times as fast. Names of OIDs
 * are not looked up without it, and nothing else is lost.
 */
public final class FhirValidate {

    private static final String LOINC = "http://loinc.org";
    private static final String PROFILES = "http://hl7.org/fhir/StructureDefinition/";

    /** https://hl7.org/fhir/R4/observation-vitalsigns.html, and 59408-5 for pulse oximeters. */
    private static final Map<String, String> VITAL_SIGNS = Map.ofEntries(
            Map.entry("85353-1", "vitalspanel"),
            Map.entry("9279-1", "resprate"),
            Map.entry("8867-4", "heartrate"),
            Map.entry("2708-6", "oxygensat"),
            Map.entry("59408-5", "oxygensat"),
            Map.entry("8310-5", "bodytemp"),
            Map.entry("8302-2", "bodyheight"),
            Map.entry("9843-4", "headcircum"),
            Map.entry("29463-7", "bodyweight"),
            Map.entry("39156-5", "bmi"),
            Map.entry("85354-9", "bp"));

    private static final ObjectMapper JSON = new ObjectMapper();

    private FhirValidate() {}

    public static void main(String[] arguments) throws IOException {
        List<String> given = List.of(arguments);
        boolean vitals = given.contains("--vitals");
        FhirValidator validator = validator();
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        try (BufferedReader lines = Files.newBufferedReader(Path.of(given.get(given.size() - 1)))) {
            int index = 0;
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                for (SingleValidationMessage issue : issues(validator, line, vitals)) {
                    out.println(JSON.createObjectNode()
                            .put("index", index)
                            .put("location", issue.getLocationString())
                            .put("message", issue.getMessage())
                            .put("id", issue.getMessageId()));
                }
                index++;
            }
        }
        out.flush();
    }

    private static FhirValidator validator() {
        FhirContext context = FhirContext.forR4();
        FhirInstanceValidator module = new FhirInstanceValidator(new ValidationSupportChain(
                new DefaultProfileValidationSupport(context),
                new InMemoryTerminologyServerValidationSupport(context),
                // Knows UCUM: a unit is really parsed.
                new CommonCodeSystemsTerminologyService(context),
                new SnapshotGeneratingValidationSupport(context)));
        module.setErrorForUnknownProfiles(true);
        return context.newValidator().registerValidatorModule(module);
    }

    private static Set<SingleValidationMessage> issues(
            FhirValidator validator, String resource, boolean vitals) {
        Set<SingleValidationMessage> issues = errors(validator, resource, List.of());
        List<String> profiles = vitals ? profiles(resource) : List.of();
        if (!profiles.isEmpty()) {
            // As well, not instead: what a profile does not know is not judged in its name.
            issues.addAll(errors(validator, resource, profiles));
        }
        return issues;
    }

    private static Set<SingleValidationMessage> errors(
            FhirValidator validator, String resource, List<String> profiles) {
        ValidationOptions options = new ValidationOptions();
        profiles.forEach(options::addProfile);
        Set<SingleValidationMessage> errors = new LinkedHashSet<>();
        ValidationResult result = validator.validateWithResult(resource, options);
        for (SingleValidationMessage issue : result.getMessages()) {
            if (issue.getSeverity().compareTo(ResultSeverityEnum.ERROR) >= 0) {
                errors.add(issue);
            }
        }
        return errors;
    }

    private static List<String> profiles(String resource) {
        JsonNode document;
        try {
            document = JSON.readTree(resource);
        } catch (JsonProcessingException notJson) {
            // The validator says so with more words.
            return List.of();
        }
        if (!"Observation".equals(document.path("resourceType").asText())) {
            return List.of();
        }
        List<String> profiles = new ArrayList<>();
        for (JsonNode coding : document.path("code").path("coding")) {
            String profile = VITAL_SIGNS.get(coding.path("code").asText());
            if (profile != null && LOINC.equals(coding.path("system").asText())) {
                profiles.add(PROFILES + profile);
            }
        }
        return profiles;
    }
}
