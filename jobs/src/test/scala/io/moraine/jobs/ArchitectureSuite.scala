package io.moraine.jobs

import com.tngtech.archunit.core.domain.JavaClasses
import com.tngtech.archunit.core.importer.{ClassFileImporter, ImportOption}
import com.tngtech.archunit.lang.ArchRule
import com.tngtech.archunit.lang.syntax.ArchRuleDefinition.{classes, noClasses}
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices
import org.bytedeco.pytorch.TensorOptions
import org.bytedeco.pytorch.global.torch
import org.scalatest.funsuite.AnyFunSuite

/** The dependency rules of docs/architecture.md; this class path holds every module. */
class ArchitectureSuite extends AnyFunSuite {

  private lazy val moraine: JavaClasses = new ClassFileImporter()
    .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
    .importPackages("io.moraine")

  private def rule(name: String)(rule: => ArchRule): Unit = test(name)(rule.check(moraine))

  test("the classes of all four modules are looked at") {
    for (module <- Seq("pipeline", "model", "bigdl", "jobs"))
      assert(
        moraine.stream().anyMatch(_.getPackageName.startsWith(s"io.moraine.$module.")),
        s"no class of $module found"
      )
  }

  rule("D1: pipeline sees neither model nor jobs")(
    noClasses()
      .that()
      .resideInAPackage("io.moraine.pipeline..")
      .should()
      .dependOnClassesThat()
      .resideInAnyPackage("io.moraine.model..", "io.moraine.jobs..")
  )

  rule("D1: model sees neither pipeline nor jobs")(
    noClasses()
      .that()
      .resideInAPackage("io.moraine.model..")
      .should()
      .dependOnClassesThat()
      .resideInAnyPackage("io.moraine.pipeline..", "io.moraine.jobs..")
  )

  rule("D1: bigdl sees neither pipeline nor jobs")(
    noClasses()
      .that()
      .resideInAPackage("io.moraine.bigdl..")
      .should()
      .dependOnClassesThat()
      .resideInAnyPackage("io.moraine.pipeline..", "io.moraine.jobs..")
  )

  rule("D8: what is inside BigDL's class loader is used from there alone")(
    noClasses()
      .that()
      .resideOutsideOfPackages("io.moraine.bigdl.module..", "io.moraine.bigdl.transformer..")
      .should()
      .dependOnClassesThat()
      .resideInAnyPackage("io.moraine.bigdl.*..", "com.intel.analytics..")
  )

  rule("D2: model knows no Spark, Hadoop or Scala")(
    noClasses()
      .that()
      .resideInAPackage("io.moraine.model..")
      .should()
      .dependOnClassesThat()
      .resideInAnyPackage("org.apache.spark..", "org.apache.hadoop..", "scala..")
  )

  rule("D3: in pipeline only the package spark knows Spark, Hadoop or Scala")(
    noClasses()
      .that()
      .resideInAPackage("io.moraine.pipeline..")
      .and()
      .resideOutsideOfPackage("io.moraine.pipeline.spark..")
      .should()
      .dependOnClassesThat()
      .resideInAnyPackage("org.apache.spark..", "org.apache.hadoop..", "scala..")
  )

  rule("D4: no other pipeline package uses pipeline.spark")(
    noClasses()
      .that()
      .resideInAPackage("io.moraine.pipeline..")
      .and()
      .resideOutsideOfPackage("io.moraine.pipeline.spark..")
      .should()
      .dependOnClassesThat()
      .resideInAPackage("io.moraine.pipeline.spark..")
  )

  rule("D5: collectives know no model types")(
    noClasses()
      .that()
      .resideInAPackage("io.moraine.model.collective..")
      .should()
      .dependOnClassesThat(
        com.tngtech.archunit.core.domain.JavaClass.Predicates
          .resideInAPackage("io.moraine.model..")
          .and(
            com.tngtech.archunit.base.DescribedPredicate.not(
              com.tngtech.archunit.core.domain.JavaClass.Predicates
                .resideInAPackage("io.moraine.model.collective..")
            )
          )
      )
  )

  rule("D5: transport knows no codec")(
    noClasses()
      .that()
      .resideInAPackage("..collective.transport..")
      .should()
      .dependOnClassesThat()
      .resideInAPackage("..collective.codec..")
  )

  rule("D5: codec knows no transport")(
    noClasses()
      .that()
      .resideInAPackage("..collective.codec..")
      .should()
      .dependOnClassesThat()
      .resideInAPackage("..collective.transport..")
  )

  rule("D6: the model's layers do not use train, optim or checkpoint")(
    noClasses()
      .that()
      .resideInAnyPackage(
        "io.moraine.model.moe..",
        "io.moraine.model.attention..",
        "io.moraine.model.layer.."
      )
      .should()
      .dependOnClassesThat()
      .resideInAnyPackage(
        "io.moraine.model.train..",
        "io.moraine.model.optim..",
        "io.moraine.model.checkpoint.."
      )
  )

  rule("D11: whoever makes a tensor says on which device, by model.tensor or by another tensor")(
    noClasses()
      .that()
      .resideInAPackage("io.moraine.model..")
      .and()
      .resideOutsideOfPackage("io.moraine.model.tensor..")
      .should()
      .callConstructor(classOf[TensorOptions], classOf[torch.ScalarType])
      .orShould()
      .callConstructor(classOf[TensorOptions])
  )

  for (module <- Seq("pipeline", "model", "bigdl", "jobs"))
    rule(s"D7: no cycles between the packages of $module")(
      slices().matching(s"io.moraine.$module.(**)").should().beFreeOfCycles()
    )

  rule("D9: only jobs.cli ends the process, reads the environment or system properties")(
    noClasses()
      .that()
      .resideInAPackage("io.moraine..")
      .and()
      .resideOutsideOfPackage("io.moraine.jobs.cli..")
      .should()
      .callMethod(classOf[System], "exit", classOf[Int])
      .orShould()
      .callMethod(classOf[System], "getenv", classOf[String])
      .orShould()
      .callMethod(classOf[System], "getProperty", classOf[String])
      .orShould()
      .callMethod(classOf[System], "getProperty", classOf[String], classOf[String])
  )

  rule("no class is called a helper, manager, util or an Impl")(
    classes()
      .that()
      .resideInAPackage("io.moraine..")
      .should()
      .haveNameNotMatching(".*(Helper|Manager|Utils?|Impl)$")
  )
}
